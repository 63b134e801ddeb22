-- How the loads stand: of every applied mapping that reads from Salesforce.
select
    mapping.object,
    coalesce(checkpoint.loaded, false) as is_loaded,
    checkpoint.watermark,
    checkpoint.backfill_rows,
    checkpoint.backfill_job,
    coalesce(backfill.wish, 'run') as wish,
    backfill.wished_at,
    backfill.heeded_at,
    backfill.since,
    backfill.since_text,
    backfill.fields,
    backfill.rows_per_second,
    backfill.expected_rows,
    coalesce(backfill.seconds, 0) as seconds,
    coalesce(backfill.calls, 0) as calls,
    backfill.last_rows,
    backfill.last_seconds,
    backfill.last_calls,
    backfill.last_finished_at,
    case when lease.expires_at > clock_timestamp() then lease.holder end as holder,
    mapping.table_name
from lockstep.mapping as mapping
left join lockstep.checkpoint as checkpoint on checkpoint.object = mapping.object
left join lockstep.backfill as backfill on backfill.object = mapping.object
left join lockstep.lease as lease on lease.name = 'backfill:' || mapping.object
where mapping.direction <> 'to_salesforce'
order by mapping.object
