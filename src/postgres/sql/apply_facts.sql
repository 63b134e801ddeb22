-- What applying to table $2 of schema $1, whose records are of object $3, has to reckon with: one row.
--
-- Lookups are columns of mapped tables that hold ids of this object's records. Foreign keys are the application's own,
-- both those of the table and those that refer to it.
with relation as (
    select class.oid
    from pg_catalog.pg_class as class
    join pg_catalog.pg_namespace as namespace on namespace.oid = class.relnamespace
    where namespace.nspname = $1 and class.relname = $2
),
keys as (
    select
        key.conname, key.conrelid = relation.oid as is_outgoing, key.confrelid = relation.oid as is_incoming,
        key.confdeltype in ('a', 'r') as restricts, key.conrelid, key.confrelid, key.conkey, key.confkey
    from relation
    join pg_catalog.pg_constraint as key
        on key.contype = 'f' and key.conparentid = 0 and relation.oid in (key.conrelid, key.confrelid)
)
select
    (
        select namespace.nspname::text
        from pg_catalog.pg_extension as extension
        join pg_catalog.pg_namespace as namespace on namespace.oid = extension.extnamespace
        where extension.extname = 'hstore'
    ) as hstore,
    pg_catalog.pg_get_serial_sequence(format('%I.%I', $1, $2), 'id') as sequence,
    exists (select from lockstep.departure where table_name = $2) as has_departures,
    exists (select from lockstep.tombstone where table_name = $2 and cause = 'kept_away') as has_kept_away,
    exists (select from lockstep.orphan where table_name = $2) as has_orphans,
    exists (select from lockstep.orphan where parent_table = $2 and not is_released) as is_awaited,
    exists (select from lockstep.unreadable where object = $3) as has_unreadable,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'table', lookup.table_name, 'column', lookup.column_name,
            'reference', case when lookup.parent_table = $2 and reference.attnum is not null
                then jsonb_build_object('column', lookup.ref_column, 'match', lookup.match_column) end
        ) order by lookup.table_name, lookup.column_name), '[]')
        from lockstep.lookup as lookup
        join pg_catalog.pg_attribute as attribute
            on attribute.attrelid = to_regclass(format('%I.%I', $1, lookup.table_name))
            and attribute.attname = lookup.column_name
            and not attribute.attisdropped
        left join pg_catalog.pg_attribute as reference
            on reference.attrelid = attribute.attrelid
            and reference.attname = lookup.ref_column
            and not reference.attisdropped
        where $3 = any(lookup.objects)
    ) as lookups,
    (
        select coalesce(jsonb_agg(jsonb_build_object(
            'name', keys.conname,
            'is_outgoing', keys.is_outgoing, 'is_incoming', keys.is_incoming, 'restricts', keys.restricts,
            'child', keys.conrelid::regclass::text, 'child_table', child.relname,
            'parent', keys.confrelid::regclass::text, 'parent_table', parent.relname,
            'columns', (
                select jsonb_agg(jsonb_build_object(
                    'child', from_column.attname, 'parent', to_column.attname,
                    'type', format_type(to_column.atttypid, to_column.atttypmod)
                ) order by pair.position)
                from unnest(keys.conkey, keys.confkey) with ordinality as pair (from_number, to_number, position)
                join pg_catalog.pg_attribute as from_column
                    on from_column.attrelid = keys.conrelid and from_column.attnum = pair.from_number
                join pg_catalog.pg_attribute as to_column
                    on to_column.attrelid = keys.confrelid and to_column.attnum = pair.to_number
            )
        ) order by keys.conname), '[]')
        from keys
        join pg_catalog.pg_class as child on child.oid = keys.conrelid
        join pg_catalog.pg_class as parent on parent.oid = keys.confrelid
    ) as foreign_keys,
    exists (
        select
        from relation
        join pg_catalog.pg_trigger as trigger on trigger.tgrelid = relation.oid
        join pg_catalog.pg_proc as function on function.oid = trigger.tgfoid
        where not trigger.tgisinternal
          and trigger.tgenabled in ('O', 'A')
          -- Before (2), of a row (1), at an insert (4) or an update (16).
          and trigger.tgtype & 3 = 3
          and trigger.tgtype & 20 <> 0
          and strpos(function.prosrc, 'lockstep.own_write()') = 0
    ) as rewrites
