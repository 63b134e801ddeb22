-- The foreign keys between tables of schema $1: the table that refers, and the one that is referred to.
select distinct child.relname::text as child, parent.relname::text as parent
from pg_catalog.pg_constraint as key
join pg_catalog.pg_class as child on child.oid = key.conrelid
join pg_catalog.pg_class as parent on parent.oid = key.confrelid
join pg_catalog.pg_namespace as child_schema on child_schema.oid = child.relnamespace
join pg_catalog.pg_namespace as parent_schema on parent_schema.oid = parent.relnamespace
where key.contype = 'f' and child_schema.nspname = $1 and parent_schema.nspname = $1
order by 1, 2
