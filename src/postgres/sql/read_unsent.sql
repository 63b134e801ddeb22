-- The changes of the next $3 records of table $1 behind record $2 that Salesforce may not have seen, record by record.
with records as (
    select distinct change.record_id
    from {schema}._trigger_log as change
    where change.table_name = $1
      and change.state in ('NEW', 'PENDING', 'FAILED')
      and change.record_id > $2
    order by change.record_id
    limit $3
)
select
    change.id, change.state::text, change.table_name::text, change.record_id, change.sfid::text, change.action::text,
    {hstore}.hstore_to_json(change.old::{hstore}.hstore) as old,
    {hstore}.hstore_to_json(change."values"::{hstore}.hstore) as "values",
    coalesce(change.created_at, clock_timestamp()) as created_at
from records
join {schema}._trigger_log as change
    on change.record_id = records.record_id
    and change.table_name = $1
    and change.state in ('NEW', 'PENDING', 'FAILED')
order by change.record_id, change.id
