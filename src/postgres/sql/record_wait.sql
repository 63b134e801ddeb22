-- Note until when records of table $1 wait.
insert into lockstep.delivery as delivery (table_name, record_id, attempts, not_before, reason)
select $1, outcome.record_id, 1, clock_timestamp() + make_interval(secs => outcome.wait), outcome.message
from pg_temp.lockstep_recorded as outcome
where outcome.kind = 'later'
on conflict (table_name, record_id) do update
set attempts = delivery.attempts + 1, not_before = excluded.not_before, reason = excluded.reason
