-- The enabled ones, and whether in every session, among the triggers $3 of table $2 of schema $1.
select trigger.tgname::text, trigger.tgenabled = 'A'
from pg_catalog.pg_trigger as trigger
where trigger.tgrelid = pg_catalog.to_regclass(pg_catalog.quote_ident($1) || '.' || pg_catalog.quote_ident($2))
  and trigger.tgname::text = any ($3::text[])
  and trigger.tgenabled in ('O', 'A')
