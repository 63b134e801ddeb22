-- How far object $1 has come, and what is asked of its load. Always one row.
select
    checkpoint.watermark,
    coalesce(checkpoint.loaded, false) as is_loaded,
    checkpoint.backfill_job,
    checkpoint.backfill_locator,
    checkpoint.backfill_rows,
    checkpoint.backfill_started_at,
    checkpoint.backfill_read_started,
    backfill.since,
    backfill.fields,
    coalesce(backfill.wish, 'run') as wish,
    backfill.heeded_at is not null as is_heeded,
    backfill.rows_per_second,
    exists (
        select from lockstep.capture where capture.object = asked.object and capture.hole_since is not null
    ) as has_hole
from (select $1 as object) as asked
left join lockstep.checkpoint as checkpoint on checkpoint.object = asked.object
left join lockstep.backfill as backfill on backfill.object = asked.object
