-- So do the application's unsent changes of table $1 whose column $2 refers to a twin.
update {schema}._trigger_log as change
set "values" = (change."values"::{hstore}.hstore operator({hstore}.||) {hstore}.hstore($2, own.id::text))::text
from pg_temp.lockstep_recorded as outcome
join {table} as twin on twin.sfid = outcome.sfid and twin.id <> outcome.record_id
join {table} as own on own.id = outcome.record_id
where outcome.kind in ('accepted', 'begun')
  and outcome.lastop <> 'DELETED'
  and change.table_name = $1
  and change.state in ('NEW', 'PENDING', 'FAILED')
  and change."values"::{hstore}.hstore operator({hstore}.->) $2 = twin.id::text
