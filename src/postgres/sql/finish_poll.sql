-- A poll of object $3 has ended: the watermark moves to $4, all stamped before $5 has been visible, and $6 calls were
-- spent. Guarantee: nothing is written, and no row answered, when lease $1 of epoch $2 is another's; neither mark goes
-- backwards.
with held as materialized (
    select lease.name from lockstep.lease as lease where lease.name = $1 and lease.epoch = $2 for key share
),
moved as (
    insert into lockstep.checkpoint as checkpoint (object, watermark)
    select $3, $4 from held where $4 is not null
    on conflict (object) do update
    set watermark = greatest(checkpoint.watermark, excluded.watermark), updated_at = now()
),
ended as (
    insert into lockstep.poll as poll (object, safe_until, polled_at, refreshed_at)
    select $3, $5, clock_timestamp(), clock_timestamp() from held
    on conflict (object) do update
    set covered = null, stamp = null, after_id = null, job = null, locator = null, read_started = null,
        safe_until = greatest(poll.safe_until, excluded.safe_until), polled_at = excluded.polled_at,
        refreshed_at = coalesce(poll.refreshed_at, excluded.refreshed_at)
),
noted as (
    update lockstep.mapping as mapping set last_poll = clock_timestamp() from held where mapping.object = $3
),
counted as (
    insert into lockstep.api_usage as api_usage (object, kind, hour, calls)
    select $3, 'pull', date_trunc('hour', now()), $6 from held where $6 > 0
    on conflict (hour, object, kind) do update
    set calls = api_usage.calls + excluded.calls
)
select held.name from held
