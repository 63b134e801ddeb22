-- Give the rows $2 of table $1, which are locked, Salesforce's values. Guarantee: only rows that differ are written; a
-- column that the application changed and Salesforce has not seen yet keeps the application's value; a record older
-- than the row is not applied.
--
-- A column that an insert left null is no change: it is not sent.
update {table} as target
set sfid = page.sfid,
    {system_assignments}
    _hc_lastop = case when unsent.record_id is null then 'SYNCED' else target._hc_lastop end,
    _hc_err = case when unsent.record_id is null then null else target._hc_err end{assignments}
from pg_temp.lockstep_page as page
join pg_temp.lockstep_match as match on match.sfid = page.sfid
join unnest($2) as locked (id) on locked.id = match.record_id
left join (
    select change.record_id, array_remove(array_agg(distinct cell.key), null) as columns
    from pg_temp.lockstep_match as changed
    join {schema}._trigger_log as change
        on change.record_id = changed.record_id
        and change.table_name = $1
        and change.state in ('NEW', 'PENDING', 'FAILED')
    left join lateral {hstore}.each(change."values"::{hstore}.hstore) as cell (key, value)
        on not (change.action = 'INSERT' and cell.value is null)
    group by change.record_id
) as unsent on unsent.record_id = match.record_id
{parents}
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
