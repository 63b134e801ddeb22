-- Give later changes of rows of table $1 the id that their insert brought, and send the deletion of a row that was
-- deleted while its insert was under way: it was captured as needing none.
update {schema}._trigger_log as change
set sfid = outcome.sfid,
    state = case when change.state = 'IGNORE' then 'NEW' else change.state end,
    updated_at = clock_timestamp()
from pg_temp.lockstep_recorded as outcome
where outcome.kind in ('accepted', 'begun')
  and outcome.lastop <> 'DELETED'
  and outcome.sfid is not null
  and change.record_id = outcome.record_id
  and change.table_name = $1
  and change.sfid is null
  and (
      (change.state in ('NEW', 'PENDING', 'FAILED') and change.id <> all(outcome.log_ids))
      or (change.state = 'IGNORE' and change.action = 'DELETE')
  )
