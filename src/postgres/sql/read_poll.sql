-- How far polling object $1 has come, whether anything waits for rows of its table $2 to go or to come, and what time
-- it is: one row.
select
    clock_timestamp(), checkpoint.watermark,
    poll.covered, poll.stamp, poll.after_id, poll.job, poll.locator, poll.read_started,
    poll.safe_until, poll.polled_at,
    poll.refreshed_at, poll.refresh_after, poll.refresh_job, poll.refresh_locator, poll.refresh_started,
    exists (select from lockstep.departure as departure where departure.table_name = $2)
        or exists (select from lockstep.orphan as orphan where orphan.parent_table = $2 and not orphan.is_released)
from (select $1::text as object) as asked
left join lockstep.checkpoint as checkpoint on checkpoint.object = asked.object
left join lockstep.poll as poll on poll.object = asked.object
