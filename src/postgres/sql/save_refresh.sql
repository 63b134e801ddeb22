-- The refresh of object $1 has read all up to id $2; its Bulk query job is $3, read up to locator $4 and asked for at
-- $5. With $6 it has ended, and the next one is due an interval later.
insert into lockstep.poll as poll
    (object, refresh_after, refresh_job, refresh_locator, refresh_started, refreshed_at)
values ($1, $2, $3, $4, $5, case when $6 then clock_timestamp() end)
on conflict (object) do update
set refresh_after = excluded.refresh_after, refresh_job = excluded.refresh_job,
    refresh_locator = excluded.refresh_locator, refresh_started = excluded.refresh_started,
    refreshed_at = coalesce(excluded.refreshed_at, poll.refreshed_at)
