-- The indexes of schema $1: the first key column, whether it is the only one, unique, and for all rows.
select
    relation.relname::text as table_name,
    index_relation.relname::text as index_name,
    attribute.attname::text as column_name,
    index.indnkeyatts = 1 and index.indpred is null as is_plain,
    index.indisunique as is_unique
from pg_catalog.pg_index as index
join pg_catalog.pg_class as relation on relation.oid = index.indrelid
join pg_catalog.pg_class as index_relation on index_relation.oid = index.indexrelid
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
left join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = relation.oid and attribute.attnum = index.indkey[0]
where namespace.nspname = $1 and index.indisvalid
