-- The triggers of schema $1, with what tells whether they are ours as they should be.
select
    relation.relname::text as table_name,
    trigger.tgname::text as trigger_name,
    trigger.tgenabled in ('O', 'A') as is_enabled,
    trigger.tgqual is not null as has_condition,
    trigger.tgtype::int4 as kind,
    format('%I.%I', function_namespace.nspname, function.proname) as function
from pg_catalog.pg_trigger as trigger
join pg_catalog.pg_class as relation on relation.oid = trigger.tgrelid
join pg_catalog.pg_namespace as namespace on namespace.oid = relation.relnamespace
join pg_catalog.pg_proc as function on function.oid = trigger.tgfoid
join pg_catalog.pg_namespace as function_namespace on function_namespace.oid = function.pronamespace
where namespace.nspname = $1 and not trigger.tgisinternal
