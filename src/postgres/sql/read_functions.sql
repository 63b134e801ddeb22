-- The functions of schema $1 and public's get_xmlbinary, with their bodies and settings.
select
    namespace.nspname::text as schema_name,
    function.proname::text as function_name,
    function.prosrc as body,
    coalesce(array_to_string(function.proconfig, ';'), '') as settings
from pg_catalog.pg_proc as function
join pg_catalog.pg_namespace as namespace on namespace.oid = function.pronamespace
where namespace.nspname = $1
   or (namespace.nspname = 'public' and function.proname = 'get_xmlbinary')
