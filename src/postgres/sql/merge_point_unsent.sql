-- So do the application's unsent changes of table $1 whose column $2 names a merged record.
update {schema}._trigger_log as change
set "values" = (change."values"::{hstore}.hstore operator({hstore}.||) {hstore}.hstore($2, {new}::text))::text
from pg_temp.lockstep_gone as gone
join {table} as loser on loser.id = gone.record_id
left join {table} as master on master.sfid = gone.master_sfid
where gone.master_sfid is not null
  and change.table_name = $1
  and change.state in ('NEW', 'PENDING', 'FAILED')
  and {new} is not null
  and change."values"::{hstore}.hstore operator({hstore}.->) $2 = {old}::text
