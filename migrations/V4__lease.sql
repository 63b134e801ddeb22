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
-- schema's owner, so that the application's roles need no right to read leases. It is asked twice for every row that
-- a worker writes, and entering a `set search_path` clause is a good part of the cost: without one, every name,
-- operators and casts too, is qualified, so that no caller's search_path can put another in its place.
create function lockstep.own_write() returns boolean
language plpgsql stable security definer
as $$
begin
    return exists (
        select from lockstep.lease
        where lease.token::pg_catalog.text operator(pg_catalog.=) pg_catalog.current_setting('lockstep.token', true)
    );
end
$$;

-- The capture triggers run as any role of the application.
grant usage on schema lockstep to public;
