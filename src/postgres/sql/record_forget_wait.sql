-- Forget the waiting of records of table $1 that wait no longer.
delete from lockstep.delivery as delivery
using pg_temp.lockstep_recorded as outcome
where delivery.table_name = $1
  and delivery.record_id = outcome.record_id
  and outcome.kind <> 'later'
