-- Those of the rows $2 of table $1 of which changes are still to be sent, parked ones included.
select distinct change.record_id
from {schema}._trigger_log as change
where change.table_name = $1
  and change.record_id = any($2)
  and change.state in ('NEW', 'PENDING', 'FAILED')
