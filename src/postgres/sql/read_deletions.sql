-- Up to where object $1 has been polled, up to where its deletions have been asked for, and whether it is time to ask
-- again. Salesforce recommends at least five minutes between two times. Always one row.
select
    checkpoint.watermark,
    deletions.covered,
    coalesce(deletions.asked_at < clock_timestamp() - interval '15 minutes', true) as is_due
from (select $1 as object) as asked
left join lockstep.checkpoint as checkpoint on checkpoint.object = asked.object and checkpoint.loaded
left join lockstep.deletions_asked as deletions on deletions.object = asked.object
