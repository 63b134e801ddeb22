-- The next $3 parked changes of table $1 behind number $2 that the rehearsal holds back.
select parked.log_id, parked.log_ids, parked.operation, parked.sent
from lockstep.parked as parked
where parked.table_name = $1
  and parked.origin = 'rehearsal'
  and parked.log_id > $2
  and parked.operation is not null
  and exists (select from {schema}._trigger_log as change where change.id = parked.log_id and change.state = 'FAILED')
order by parked.log_id
limit $3
