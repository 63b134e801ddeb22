-- The same question, answered in about two thirds of the time. It is asked twice for every row that a worker writes,
-- and entering a `set` clause is a good part of the cost. Without one, every name, operators and casts too, is
-- qualified, so that no caller's search_path can put another in its place.
create or replace function lockstep.own_write() returns boolean
language plpgsql stable security definer
as $$
begin
    return exists (
        select from lockstep.lease
        where lease.token::pg_catalog.text operator(pg_catalog.=) pg_catalog.current_setting('lockstep.token', true)
    );
end
$$;
