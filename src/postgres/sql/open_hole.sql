-- Note that rows of object $1 may have been written without being captured, because of $2, since it was last known that
-- they are; and pause the mapping. Guarantee: joins a hole that is open, and keeps its beginning.
with opened as (
    update lockstep.capture as capture
    set hole_since = coalesce(capture.hole_since, capture.whole_at),
        hole_horizon = coalesce(capture.hole_horizon, capture.horizon),
        hole_found_at = clock_timestamp(),
        hole_reason = case
            when capture.hole_reason is null or strpos(capture.hole_reason, $2) > 0
                then coalesce(capture.hole_reason, $2)
            else left(capture.hole_reason || '; ' || $2, 500)
        end,
        missed = null
    where capture.object = $1
    returning capture.hole_since, capture.hole_reason
)
update lockstep.mapping as mapping
set state = 'paused',
    state_reason = 'changes since ' || to_char(opened.hole_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS')
        || ' UTC may not have been captured (' || opened.hole_reason || '); rows written since are compared with their records first'
from opened
where mapping.object = $1
