-- Bind mapping schema $1 to org $2, spoken to in API version $3, and answer the org it is bound to.
-- Guarantee: the first org stays.
insert into lockstep.connection as connection (schema_name, organization_id, api_version)
values ($1, $2, $3)
on conflict (schema_name) do update
set organization_id = coalesce(connection.organization_id, excluded.organization_id),
    api_version = excluded.api_version,
    updated_at = now()
returning organization_id
