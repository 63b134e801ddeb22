-- Where parked changes of object $1, or of all, are read from, each with what is known of its refusal.
from {schema}._trigger_log as change
join lockstep.mapping as mapping on mapping.table_name = change.table_name
left join lockstep.parked as parked
    on parked.table_name = change.table_name
    and parked.record_id = change.record_id
    and change.id = any(parked.log_ids)
where change.state = 'FAILED'
  and ($1::text is null or mapping.object = $1)
