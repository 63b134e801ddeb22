-- What a load has to know of table $2 of schema $1: its indexes, and whether it is a table at all. No row when it is
-- not there.
select
    (select count(*) from pg_catalog.pg_index as own where own.indrelid = class.oid) as indexes,
    pg_catalog.pg_total_relation_size(class.oid) as bytes
from pg_catalog.pg_class as class
join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
where namespace.nspname = $1 and class.relname = $2 and class.relkind in ('r', 'p')
