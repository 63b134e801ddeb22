-- The columns of every relation of schema $1. Guarantee: a relation without columns does not occur.
select
    relation.relname::text as table_name,
    relation.relkind::text as kind,
    attribute.attname::text as column_name,
    format_type(attribute.atttypid, attribute.atttypmod) as type,
    attribute.atthasdef or attribute.attidentity <> '' as has_default
from pg_catalog.pg_class as relation
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_attribute as attribute on attribute.attrelid = relation.oid
where namespace.nspname = $1
  and relation.relkind in ('r', 'p', 'v', 'm', 'f')
  and attribute.attnum > 0
  and not attribute.attisdropped
order by relation.relname, attribute.attnum
