-- Every mapping with what waits for it and how far it has come.
--
-- Row counts are the planner's estimates above 10,000 rows; the caller counts smaller tables.
select
    mapping.object,
    mapping.table_name,
    mapping.direction,
    mapping.state,
    mapping.state_reason,
    greatest(coalesce(class.reltuples, 0), 0)::bigint as estimated_rows,
    coalesce(log.pending, 0) as pending,
    coalesce(log.failed, 0) as failed,
    log.oldest_pending_seconds,
    mapping.last_poll,
    checkpoint.watermark,
    coalesce(checkpoint.loaded, false) as is_loaded,
    coalesce(usage.calls, 0)::bigint as calls_today
from lockstep.mapping as mapping
left join lockstep.checkpoint as checkpoint on checkpoint.object = mapping.object
left join pg_catalog.pg_namespace as namespace on namespace.nspname = $1
left join pg_catalog.pg_class as class
    on class.relnamespace = namespace.oid and class.relname = mapping.table_name
left join (
    select
        change.table_name,
        count(*) filter (where change.state in ('NEW', 'PENDING')) as pending,
        count(*) filter (where change.state = 'FAILED') as failed,
        extract(epoch from clock_timestamp() - min(change.created_at)
            filter (where change.state in ('NEW', 'PENDING')))::float8 as oldest_pending_seconds
    from {schema}._trigger_log as change
    where change.state in ('NEW', 'PENDING', 'FAILED')
    group by change.table_name
) as log on log.table_name = mapping.table_name
left join (
    select api_usage.object, sum(api_usage.calls) as calls
    from lockstep.api_usage as api_usage
    where api_usage.hour >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
    group by api_usage.object
) as usage on usage.object = mapping.object
order by mapping.object
