-- Forget what is older than $1 days: archived changes and captured ones that are never sent, closed journal entries,
-- events, conflicts and usage; what is known of refusals whose changes are gone; and tombstones after 30 days, which is
-- how long Salesforce may bring a record back. Those of records that are still in Salesforce stay: such a record may come
-- into its row again at any time, or never.
with archived as (
    delete from {schema}._trigger_log_archive
    where created_at < now() - make_interval(days => $1) and state not in ('FAILED', 'REQUEUE')
    returning 1
),
unsendable as (
    delete from {schema}._trigger_log
    where created_at < now() - make_interval(days => $1) and state = 'READONLY'
    returning 1
),
journalled as (
    delete from lockstep.journal where closed_at < now() - make_interval(days => $1) returning 1
),
events as (
    delete from lockstep.event where at < now() - make_interval(days => $1) returning 1
),
conflicts as (
    delete from lockstep.conflict where at < now() - make_interval(days => $1) returning 1
),
used as (
    delete from lockstep.api_usage where hour < now() - make_interval(days => $1) returning 1
),
settled as (
    delete from lockstep.parked as parked
    where not exists (select from {schema}._trigger_log as change where change.id = parked.log_id)
    returning 1
),
buried as (
    delete from lockstep.tombstone
    where deleted_at < now() - interval '30 days' and cause in ('deleted', 'missing')
    returning 1
)
select
    (select count(*) from archived) + (select count(*) from unsendable) + (select count(*) from journalled)
    + (select count(*) from events) + (select count(*) from conflicts) + (select count(*) from used)
    + (select count(*) from settled) + (select count(*) from buried)
