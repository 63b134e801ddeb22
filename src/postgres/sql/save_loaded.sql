-- The load of object $1 is complete. Guarantee: where it was never polled, polling starts at the time before the first
-- read; a load of a part makes nothing loaded that was not; a load that was given up meanwhile is not completed, and no
-- row is written then.
with part as (
    select coalesce(bool_and(backfill.since is null and backfill.fields is null), true) as is_whole
    from lockstep.backfill as backfill
    where backfill.object = $1
)
insert into lockstep.checkpoint as checkpoint (object, loaded)
select $1, part.is_whole
from part
on conflict (object) do update
set loaded = checkpoint.loaded or excluded.loaded,
    watermark = case
        when excluded.loaded then coalesce(checkpoint.watermark, checkpoint.backfill_started_at)
        else checkpoint.watermark
    end,
    backfill_job = null, backfill_locator = null, backfill_rows = null, backfill_started_at = null,
    backfill_read_started = null,
    updated_at = now()
where checkpoint.backfill_started_at is not null
