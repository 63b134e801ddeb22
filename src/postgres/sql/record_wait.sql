-- Note until when records of table $1 wait, or for which row. Waiting for a row is no attempt. It concerns all changes
-- of the record that were claimed.
insert into lockstep.delivery as delivery
    (table_name, record_id, attempts, not_before, reason, parent_table, parent_id, seen)
select
    $1, outcome.record_id, 1,
    case when outcome.parent_table is null
        then clock_timestamp() + make_interval(secs => outcome.wait)
        else 'infinity'
    end,
    outcome.message, outcome.parent_table, outcome.parent_id,
    case when outcome.parent_table is not null
        then greatest(
            (select max(last.id) from unnest(outcome.log_ids) as last (id)),
            (
                select max(claimed.id)
                from {schema}._trigger_log as claimed
                where claimed.record_id = outcome.record_id
                  and claimed.table_name = $1
                  and claimed.state = 'PENDING'
            )
        )
    end
from pg_temp.lockstep_recorded as outcome
where outcome.kind = 'later'
on conflict (table_name, record_id) do update
set attempts = delivery.attempts + (excluded.parent_table is null)::integer,
    not_before = excluded.not_before,
    reason = excluded.reason,
    parent_table = excluded.parent_table,
    parent_id = excluded.parent_id,
    seen = excluded.seen
