-- Take the bells named $1 down that this session has hung up.
select pg_advisory_unlock(1819042867, bell.key)
from (select distinct hashtext(name) as key from unnest($1) as name) as bell
join pg_catalog.pg_locks as held
    on held.locktype = 'advisory'
    and held.pid = pg_backend_pid()
    and held.database = (select oid from pg_catalog.pg_database where datname = current_database())
    and held.classid = 1819042867
    and held.objid = (bell.key::bigint & 4294967295)::oid
    and held.objsubid = 2
    and held.granted
