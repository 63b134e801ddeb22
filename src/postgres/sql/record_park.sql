-- Park refused changes with Salesforce's words, and hand back those that wait. A deletion that was captured as needing
-- no sending is parked with the rest of its record, so that it does not bring the record again.
update {schema}._trigger_log as change
set state = case outcome.kind when 'refused' then 'FAILED' when 'later' then 'NEW' end,
    sf_message = case outcome.kind when 'refused' then outcome.message else change.sf_message end,
    processed_at = case outcome.kind when 'refused' then clock_timestamp() else change.processed_at end,
    processed_tx = case outcome.kind when 'refused' then txid_current() else change.processed_tx end,
    updated_at = clock_timestamp()
from pg_temp.lockstep_recorded as outcome
cross join lateral unnest(outcome.log_ids) as claimed (id)
where change.id = claimed.id
  and (
      (outcome.kind = 'refused' and change.state in ('NEW', 'PENDING', 'FAILED', 'IGNORE'))
      or (outcome.kind = 'later' and change.state = 'PENDING')
  )
