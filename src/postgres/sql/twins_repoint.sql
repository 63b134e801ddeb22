-- Rows of {child} that refer to a twin refer to the row whose insert created its record.
update {child} as child
set {column} = own.id
from pg_temp.lockstep_recorded as outcome
join {table} as twin on twin.sfid = outcome.sfid and twin.id <> outcome.record_id
join {table} as own on own.id = outcome.record_id
where outcome.kind in ('accepted', 'begun')
  and outcome.lastop <> 'DELETED'
  and child.{column} = twin.id
