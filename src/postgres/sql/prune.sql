-- Forget what is older than $1 seconds: archived changes and captured ones that are never sent, closed journal entries,
-- events, conflicts and usage; what is known of refusals whose changes are gone; and tombstones after 30 days, which is
-- how long Salesforce may bring a record back. Those of records that are still in Salesforce stay: such a record may come
-- into its row again at any time, or never.
-- Guarantee: at most $2 rows of each kind, found by an index where there may be many. The journal has none by time: its
-- oldest entries are those with the lowest ids.
with archived as (
    delete from {schema}._trigger_log_archive
    where ctid = any(array(
        select ctid from {schema}._trigger_log_archive
        where created_at < now() - make_interval(secs => $1) and state not in ('FAILED', 'REQUEUE') order by created_at
        limit $2
    ))
    returning 1
),
unsendable as (
    delete from {schema}._trigger_log
    where ctid = any(array(
        select ctid from {schema}._trigger_log
        where created_at < now() - make_interval(secs => $1) and state = 'READONLY'
        limit $2
    ))
    returning 1
),
journalled as (
    delete from lockstep.journal
    where ctid = any(array(
        select oldest.ctid
        from (select ctid, closed_at from lockstep.journal order by id limit 2 * $2) as oldest
        where oldest.closed_at < now() - make_interval(secs => $1)
        limit $2
    ))
    returning 1
),
events as (
    delete from lockstep.event
    where ctid = any(array(
        select ctid from lockstep.event
        where at < now() - make_interval(secs => $1)
        limit $2
    ))
    returning 1
),
conflicts as (
    delete from lockstep.conflict
    where ctid = any(array(
        select ctid from lockstep.conflict
        where at < now() - make_interval(secs => $1)
        limit $2
    ))
    returning 1
),
used as (
    delete from lockstep.api_usage
    where ctid = any(array(
        select ctid from lockstep.api_usage
        where hour < now() - make_interval(secs => $1)
        limit $2
    ))
    returning 1
),
settled as (
    delete from lockstep.parked
    where ctid = any(array(
        select parked.ctid from lockstep.parked as parked
        where not exists (select from {schema}._trigger_log as change where change.id = parked.log_id)
        limit $2
    ))
    returning 1
),
buried as (
    delete from lockstep.tombstone
    where ctid = any(array(
        select ctid from lockstep.tombstone
        where deleted_at < now() - interval '30 days' and cause in ('deleted', 'missing')
        limit $2
    ))
    returning 1
),
counted (number) as (
    select count(*) from archived
    union all select count(*) from unsendable
    union all select count(*) from journalled
    union all select count(*) from events
    union all select count(*) from conflicts
    union all select count(*) from used
    union all select count(*) from settled
    union all select count(*) from buried
)
select sum(number)::bigint, coalesce(max(number) >= $2, false) from counted
