-- Object $1 is loading: job $2, locator $3, rows $4, since $5.
insert into lockstep.checkpoint (object, backfill_job, backfill_locator, backfill_rows, backfill_started_at)
values ($1, $2, $3, $4, $5)
on conflict (object) do update
set backfill_job = excluded.backfill_job, backfill_locator = excluded.backfill_locator,
    backfill_rows = excluded.backfill_rows, backfill_started_at = excluded.backfill_started_at,
    updated_at = now()
