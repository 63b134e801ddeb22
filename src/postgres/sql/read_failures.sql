-- The parked changes of object $1, or of all, oldest first.
select
    change.id, mapping.object, change.table_name::text, change.record_id, change.sfid::text,
    change.action::text, coalesce(change.sf_message, ''), coalesce(change.processed_at, change.created_at)
from {schema}._trigger_log as change
join lockstep.mapping as mapping on mapping.table_name = change.table_name
where change.state = 'FAILED'
  and ($1::text is null or mapping.object = $1)
order by change.id
