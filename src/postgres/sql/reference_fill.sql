-- Name the parents of the rows $1 of {child}, table $2, as the parents name themselves. Guarantee: what the
-- application changed and Salesforce has not seen stays.
update {child} as child
set {reference} = parent.{match}
from {table} as parent
where child.id = any($1)
  and parent.sfid = child.{lookup}
  and child.{reference} is distinct from parent.{match}
  and not exists (
      select
      from {schema}._trigger_log as change
      cross join lateral {hstore}.each(change."values"::{hstore}.hstore) as cell (key, value)
      where change.record_id = child.id
        and change.table_name = $2
        and change.state in ('NEW', 'PENDING', 'FAILED')
        and cell.key in ({lookup_name}, {reference_name})
        and not (change.action = 'INSERT' and cell.value is null)
  )
