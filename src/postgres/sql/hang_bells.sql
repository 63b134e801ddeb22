-- Hang the bells named $1 up: hold their locks alone, for as long as the session lives. Answers whether all hang; those
-- that do are taken down otherwise. One that hangs already is not hung twice.
select bool_and(
    held.objid is not null or pg_try_advisory_lock(1819042867, bell.key)
)
from (select distinct hashtext(name) as key from unnest($1) as name) as bell
left join pg_catalog.pg_locks as held
    on held.locktype = 'advisory'
    and held.pid = pg_backend_pid()
    and held.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and held.classid = 1819042867
    and held.objid = (bell.key::bigint & 4294967295)::oid
    and held.objsubid = 2
    and held.granted
