-- Who works on what. Only the holder of the current epoch may write.
--
-- Logged on purpose: an unlogged table is emptied by a crash, and epochs would start again.

create table lockstep.lease (
    name text primary key,
    epoch bigint not null check (epoch > 0),
    holder text not null,
    token uuid not null,
    expires_at timestamptz not null
) with (fillfactor = 50);

-- Whether the write that fires a trigger belongs to a worker that holds a lease.
--
-- The setting alone proves nothing, since any role can set it; the token is known to workers only. Runs as the
-- schema's owner, so that the application's roles need no right to read leases.
create function lockstep.own_write() returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return exists (
        select from lockstep.lease
        where token::text = current_setting('lockstep.token', true)
    );
end
$$;

-- The capture triggers run as any role of the application.
grant usage on schema lockstep to public;
