-- Copy archived rows of tables $1 that an operator marked REQUEUE back into the log, as new changes.
with requested as (
    update {schema}._trigger_log_archive
    set state = 'REQUEUED', updated_at = clock_timestamp()
    where state = 'REQUEUE' and table_name = any($1)
    returning id, action, table_name, record_id, sfid, old, "values"
)
insert into {schema}._trigger_log (txid, created_at, state, action, table_name, record_id, sfid, old, "values")
select
    txid_current(), clock_timestamp(), 'NEW', requested.action, requested.table_name,
    requested.record_id, requested.sfid, requested.old, requested."values"
from requested
order by requested.id
