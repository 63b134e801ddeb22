-- Move the log rows of settled records to the archive. Guarantee: of an accepted record's rows the last is SUCCESS and
-- the others, which it absorbed, are MERGED; a deletion that still has to be sent stays.
with done as (
    delete from {schema}._trigger_log as change
    using pg_temp.lockstep_recorded as outcome
    cross join lateral unnest(outcome.log_ids) as claimed (id)
    where change.id = claimed.id
      and outcome.kind in ('accepted', 'settled')
      and not (outcome.kind = 'accepted' and outcome.lastop <> 'DELETED' and change.action = 'DELETE')
    returning
        change.id, change.txid, change.created_at, change.action, change.table_name, change.record_id,
        coalesce(change.sfid, outcome.sfid) as sfid, change.old, change."values", change.sf_result,
        case
            when outcome.kind = 'settled' then 'IGNORED'
            when change.id = (select max(last.id) from unnest(outcome.log_ids) as last (id)) then 'SUCCESS'
            else 'MERGED'
        end as state,
        case when outcome.kind = 'settled' then outcome.message end as sf_message
)
insert into {schema}._trigger_log_archive
    (id, txid, created_at, updated_at, processed_at, processed_tx, state, action, table_name, record_id, sfid,
     old, "values", sf_result, sf_message)
select
    id, txid, created_at, clock_timestamp(), clock_timestamp(), txid_current(), state, action, table_name,
    record_id, sfid, old, "values", sf_result, sf_message
from done
