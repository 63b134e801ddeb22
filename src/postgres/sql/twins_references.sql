-- The columns that hold an `id` of table $2 of schema $1: by a foreign key of the application's, or as a mapping says.
-- Each with its table, quoted and qualified, and that table's bare name.
select key.conrelid::regclass::text, child.relname::text, from_column.attname::text
from pg_catalog.pg_constraint as key
join pg_catalog.pg_class as child on child.oid = key.conrelid
join pg_catalog.pg_attribute as from_column
    on from_column.attrelid = key.conrelid and from_column.attnum = key.conkey[1]
join pg_catalog.pg_attribute as to_column
    on to_column.attrelid = key.confrelid and to_column.attnum = key.confkey[1]
where key.contype = 'f'
  and key.conparentid = 0
  and key.confrelid = to_regclass(format('%I.%I', $1, $2))
  and cardinality(key.conkey) = 1
  and to_column.attname = 'id'
union
select child.oid::regclass::text, child.relname::text, attribute.attname::text
from lockstep.lookup as lookup
join pg_catalog.pg_class as child on child.oid = to_regclass(format('%I.%I', $1, lookup.table_name))
join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = child.oid
    and attribute.attname = lookup.ref_column
    and not attribute.attisdropped
where lookup.parent_table = $2 and lookup.match_column = 'id'
order by 1, 3
