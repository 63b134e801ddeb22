-- Write Salesforce's values into rows. Guarantee: not over a column that the application changed meanwhile.
update {table} as target
set {assignments}
from pg_temp.lockstep_recorded as outcome
left join pg_temp.lockstep_newer as newer on newer.record_id = outcome.record_id
where target.id = outcome.record_id
  and outcome.adopt is not null
