-- Keep that the org of schema $1 has used $2 of $3 API requests.
insert into lockstep.connection (schema_name, api_used, api_limit, api_noted_at)
values ($1, $2, $3, clock_timestamp())
on conflict (schema_name) do update
set api_used = excluded.api_used, api_limit = excluded.api_limit, api_noted_at = excluded.api_noted_at
