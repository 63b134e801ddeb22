-- The rows of table {name} whose values are not those of the records just staged, with the fields that differ.
-- Guarantee: as for scan_compare.sql; a record that changed after the scan began is not judged.
insert into pg_temp.lockstep_found (sfid, record_id, kind, detail)
select
    target.sfid,
    target.id,
    case
        when exists (
            select from {schema}._trigger_log as change
            where change.record_id = target.id
              and change.table_name = {name}
              and change.state in ('NEW', 'PENDING', 'FAILED')
        ) then 'waiting'
        when {stamp_equal} then 'differing'
        else 'stale'
    end,
    jsonb_strip_nulls({detail})
from pg_temp.lockstep_values as page
join {table} as target on target.sfid = page.sfid
{parents}
where ({differs})
  {settled_page}
  and not exists (
      select from lockstep.journal as journal
      where journal.table_name = {name}
        and journal.outcome is distinct from 'refused'
        and coalesce(journal.closed_at, 'infinity'::timestamptz) >= {read_started}
        and (journal.record_id = target.id or journal.sfid = target.sfid)
  )
