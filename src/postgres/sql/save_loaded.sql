-- Object $1 is loaded. Guarantee: where it was never polled, polling starts at the time before the first read.
insert into lockstep.checkpoint as checkpoint (object, loaded)
values ($1, true)
on conflict (object) do update
set loaded = true, watermark = coalesce(checkpoint.watermark, checkpoint.backfill_started_at),
    backfill_job = null, backfill_locator = null, backfill_rows = null, backfill_started_at = null,
    backfill_read_started = null,
    updated_at = now()
