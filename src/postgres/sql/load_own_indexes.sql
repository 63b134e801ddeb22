-- The plain indexes on one column of table $2 of schema $1: name, column, definition. Not those that are unique, belong
-- to a constraint, or look at some rows only.
select index_relation.relname::text, attribute.attname::text, pg_catalog.pg_get_indexdef(index.indexrelid)
from pg_catalog.pg_index as index
join pg_catalog.pg_class as index_relation on index_relation.oid = index.indexrelid
join pg_catalog.pg_attribute as attribute
    on attribute.attrelid = index.indrelid and attribute.attnum = index.indkey[0]
where index.indrelid = pg_catalog.to_regclass(pg_catalog.quote_ident($1) || '.' || pg_catalog.quote_ident($2))
  and index.indnatts = 1
  and index.indpred is null
  and not index.indisunique
  and not index.indisreplident
  and not exists (
      select from pg_catalog.pg_constraint as depending where depending.conindid = index.indexrelid
  )
