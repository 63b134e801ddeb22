-- How far object $1 has come.
select watermark, loaded, backfill_job, backfill_locator, backfill_rows, backfill_started_at, backfill_read_started
from lockstep.checkpoint
where object = $1
