-- The parked changes of object $1, or of all, by what they were refused for: how many, since when, the first of them, and
-- the words that it was refused with. The largest group first.
select
    reason.object, reason.members, reason.first_at, reason.last_at, reason.first_ids,
    coalesce(example.sf_message, '')
from (
    select
        mapping.object,
        coalesce(parked.cause, change.sf_message, '') as cause,
        count(*) as members,
        min(coalesce(parked.first_at, change.processed_at, change.created_at)) as first_at,
        max(coalesce(parked.last_at, change.processed_at, change.created_at)) as last_at,
        (array_agg(change.id order by change.id))[:5] as first_ids
    {failures}
    group by 1, 2
) as reason
join {schema}._trigger_log as example on example.id = reason.first_ids[1]
order by reason.members desc, reason.object, reason.first_ids[1]
