-- Those of the records $1 of table $2 whose row was deleted, while the deletion is not sent; with the row's id.
select change.sfid::text, change.record_id
from {schema}._trigger_log as change
where change.sfid = any($1)
  and change.table_name = $2
  and change.action = 'DELETE'
  and change.state in ('NEW', 'PENDING', 'FAILED')
order by change.id
