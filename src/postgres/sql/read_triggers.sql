-- The triggers of schema $1's tables, and those elsewhere that run a function of it, with what tells whether they are
-- ours as they should be. Guarantee: what a partition has from its parent does not count.
select
    relation.relname::text as table_name,
    trigger.tgname::text as trigger_name,
    trigger.tgenabled::text as fires,
    trigger.tgqual is not null as has_condition,
    trigger.tgtype::int4 as kind,
    format('%I.%I', function_namespace.nspname, function.proname) as function,
    function.proname::text as function_name,
    namespace.nspname::text as schema_name,
    function_namespace.nspname = $1 as is_of_schema
from pg_catalog.pg_trigger as trigger
join pg_catalog.pg_class as relation on relation.oid = trigger.tgrelid
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_proc as function on function.oid = trigger.tgfoid
join pg_catalog.pg_namespace as function_namespace on function_namespace.oid = function.pronamespace
where (namespace.nspname = $1 or function_namespace.nspname = $1)
  and not trigger.tgisinternal
  and not relation.relispartition
