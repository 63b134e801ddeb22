-- Remember since when each replication slot has held the same point. A slot whose subscriber goes on moves its point.
with here as (
    select slot.slot_name::text as name, concat(slot.xmin, ' ', slot.catalog_xmin, ' ', slot.restart_lsn) as held
    from pg_catalog.pg_replication_slots as slot
    where (slot.xmin is not null or slot.catalog_xmin is not null)
      and (slot.database is null or slot.database = current_database())
),
gone as (
    delete from lockstep.slot as known
    where not exists (select from here where here.name = known.name)
)
insert into lockstep.slot as known (name, held)
select here.name, here.held from here
on conflict (name) do update
set held = excluded.held, since = clock_timestamp()
where known.held <> excluded.held
