-- The load of object $1 stands at $2 rows, of $3 expected ones where that is known; its last steps took $4 seconds and
-- $5 calls. $6: it is finished, and how long it took is kept for the next one's estimate.
insert into lockstep.backfill as backfill
    (object, expected_rows, seconds, calls, last_rows, last_seconds, last_calls, last_finished_at)
select
    $1,
    $3,
    case when $6 then 0 else $4 end,
    case when $6 then 0 else $5 end,
    case when $6 then $2 end,
    case when $6 then $4 end,
    case when $6 then $5 end,
    case when $6 then clock_timestamp() end
on conflict (object) do update
set expected_rows = coalesce(excluded.expected_rows, backfill.expected_rows),
    seconds = case when $6 then 0 else backfill.seconds + $4 end,
    calls = case when $6 then 0 else backfill.calls + $5 end,
    last_rows = coalesce(excluded.last_rows, backfill.last_rows),
    last_seconds = case when $6 then backfill.seconds + $4 else backfill.last_seconds end,
    last_calls = case when $6 then backfill.calls + $5 else backfill.last_calls end,
    last_finished_at = coalesce(excluded.last_finished_at, backfill.last_finished_at)
