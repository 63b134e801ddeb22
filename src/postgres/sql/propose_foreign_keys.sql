-- The foreign keys of one column between tables of schema $1 that refer to a row by its `id`: table, column, and the
-- table referred to.
select child.relname::text, from_column.attname::text, parent.relname::text
from pg_catalog.pg_constraint as key
join pg_catalog.pg_class as child on child.oid = key.conrelid
join pg_catalog.pg_class as parent on parent.oid = key.confrelid
join pg_catalog.pg_namespace as child_schema on child_schema.oid = child.relnamespace
join pg_catalog.pg_namespace as parent_schema on parent_schema.oid = parent.relnamespace
join pg_catalog.pg_attribute as from_column
    on from_column.attrelid = key.conrelid and from_column.attnum = key.conkey[1]
join pg_catalog.pg_attribute as to_column
    on to_column.attrelid = key.confrelid and to_column.attnum = key.confkey[1]
where key.contype = 'f'
  and key.conparentid = 0
  and cardinality(key.conkey) = 1
  and to_column.attname = 'id'
  and child_schema.nspname = $1
  and parent_schema.nspname = $1
order by 1, 2
