-- Object $1 is loading: job $2, locator $3, rows $4, since $5 by Salesforce's clock and $6 by the database's.
--
-- Guarantee: a load that was given up or begun anew meanwhile is not brought back; no row is written then. What has no
-- locator yet is a beginning, and always saved.
insert into lockstep.checkpoint as checkpoint
    (object, backfill_job, backfill_locator, backfill_rows, backfill_started_at, backfill_read_started)
values ($1, $2, $3, $4, $5, $6)
on conflict (object) do update
set backfill_job = excluded.backfill_job, backfill_locator = excluded.backfill_locator,
    backfill_rows = excluded.backfill_rows, backfill_started_at = excluded.backfill_started_at,
    backfill_read_started = excluded.backfill_read_started, updated_at = now()
where excluded.backfill_locator is null or checkpoint.backfill_started_at = excluded.backfill_started_at
