-- Bulk job $1 of object $2 and operation $3 is in state $4.
insert into lockstep.bulk_job (job_id, object, operation, state)
values ($1, $2, $3, $4)
on conflict (job_id) do update
set state = excluded.state, updated_at = clock_timestamp()
