-- What changes whenever the capturing of schema $1 may have: its triggers, functions, tables and columns as one checksum;
-- its partitions, each as its parent's name and its own; and the number below which every transaction had ended.
select
    (
        select md5(string_agg(fact, ',' order by fact))
        from (
            select concat_ws(' ', relation.oid, tgname, tgenabled, tgtype, tgfoid, tgqual is null) as fact
            from pg_catalog.pg_trigger as trigger
            join pg_catalog.pg_class as relation on relation.oid = tgrelid
            where relation.relnamespace = namespace.oid and not tgisinternal and not relation.relispartition
            union all
            select concat_ws(' ', proname, md5(prosrc), proconfig)
            from pg_catalog.pg_proc
            where pronamespace = namespace.oid
            union all
            select concat_ws(' ', relation.oid, relname, attname)
            from pg_catalog.pg_class as relation
            join pg_catalog.pg_attribute on attrelid = relation.oid and attnum > 0 and not attisdropped
            where relation.relnamespace = namespace.oid and relkind in ('r', 'p') and not relispartition
        ) as facts
    ) as checksum,
    array(
        select concat(parent.relname, ' ', child.oid::regclass)
        from pg_catalog.pg_inherits
        join pg_catalog.pg_class as parent on parent.oid = inhparent
        join pg_catalog.pg_class as child on child.oid = inhrelid
        where parent.relnamespace = namespace.oid and parent.relkind = 'p' and not inhdetachpending
        order by 1
    )::text[] as partitions,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon
from pg_catalog.pg_namespace as namespace
where nspname = $1
