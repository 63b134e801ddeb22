-- The load of object $1 starts again from its beginning. Guarantee: what was asked of it stays asked.
update lockstep.checkpoint
set backfill_job = null, backfill_locator = null, backfill_rows = null, backfill_started_at = null,
    backfill_read_started = null, updated_at = now()
where object = $1
