-- What has kept this database from clearing away old rows for longer than $1 seconds: transactions that hold a snapshot or
-- have written, prepared ones, and replication slots, of which the server does not tell since when.
-- Of other roles' sessions only a member of pg_read_all_stats sees when their transactions began.
select
    'transaction' as kind,
    activity.pid::text as holder,
    coalesce(activity.application_name, '') as application,
    coalesce(activity.usename::text, '') as role,
    coalesce(activity.state, '') as state,
    activity.xact_start as since
from pg_catalog.pg_stat_activity as activity
where activity.datname = current_database()
  and activity.pid <> pg_backend_pid()
  and (activity.backend_xmin is not null or activity.backend_xid is not null)
  and activity.xact_start < clock_timestamp() - make_interval(secs => $1)
union all
select 'prepared', prepared.gid, '', prepared.owner::text, 'prepared', prepared.prepared
from pg_catalog.pg_prepared_xacts as prepared
where prepared.database = current_database()
  and prepared.prepared < clock_timestamp() - make_interval(secs => $1)
union all
select 'slot', slot.slot_name::text, '', '', case when slot.active then 'active' else 'inactive' end, known.since
from pg_catalog.pg_replication_slots as slot
join lockstep.slot as known on known.name = slot.slot_name::text
    and known.held = concat(slot.xmin, ' ', slot.catalog_xmin, ' ', slot.restart_lsn)
where (slot.xmin is not null or slot.catalog_xmin is not null)
  and known.since < clock_timestamp() - make_interval(secs => $1)
order by since, kind, holder
