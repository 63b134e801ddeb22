-- Give existing rows Salesforce's values. Guarantee: only rows that differ are written; a column with an unsent
-- change keeps the application's value; a record older than the row is not applied. A row that is not locked may have
-- been changed since the log was read, and is left alone.
update {table} as target
set sfid = page.sfid,
    {system_assignments}
    _hc_lastop = case when unsent.record_id is null then 'SYNCED' else target._hc_lastop end,
    _hc_err = case when unsent.record_id is null then null else target._hc_err end{assignments}
from pg_temp.lockstep_page as page
join pg_temp.lockstep_match as match on match.sfid = page.sfid
join pg_temp.lockstep_locked as locked on locked.id = match.record_id
left join pg_temp.lockstep_unsent as unsent on unsent.record_id = match.record_id
{parents_of_row}
where target.id = match.record_id
  and not page.is_deleted
  and (target.sfid is null or target.sfid = page.sfid)
  and {is_current}
  and (
      target.sfid is null
      or (unsent.record_id is null and (target._hc_lastop is distinct from 'SYNCED' or target._hc_err is not null))
      {stamp_differs}
      {differs}
  )
