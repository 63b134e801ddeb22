-- The parked changes of object $1, or of all, oldest first, with what is known of their refusals; only log row $2, with
-- what was sent or is to be decided, unless that is null.
select
    change.id, mapping.object, change.table_name::text, change.record_id, change.sfid::text, change.action::text,
    coalesce(change.sf_message, ''), coalesce(parked.last_at, change.processed_at, change.created_at),
    parked.origin, parked.code, parked.fields, parked.cause, parked.attempts, parked.first_at,
    case when $2::integer is not null then parked.sent end,
    case when $2::integer is not null and parked.code = 'CONFLICT' then parked.conflicts end
{failures}
  and ($2::integer is null or change.id = $2)
order by change.id
