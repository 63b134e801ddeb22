-- Remove rows of table $1 that a pull made for records which these rows' inserts created, and hand over what the
-- application changed in them.
with removed as (
    delete from {table} as target
    using pg_temp.lockstep_recorded as outcome
    where outcome.kind in ('accepted', 'begun')
      and outcome.lastop <> 'DELETED'
      and target.sfid = outcome.sfid
      and target.id <> outcome.record_id
      and set_config('lockstep.twins_of', $1, true) is not null
    returning target.id as twin, outcome.record_id
)
update {schema}._trigger_log as change
set record_id = removed.record_id
from removed
where change.record_id = removed.twin
  and change.table_name = $1
  and change.state in ('NEW', 'PENDING', 'FAILED')
