-- Note as missed of object $1, of the rows $2, each with what its record holds in the columns that differ, those columns
-- that no unsent change names; and of the rows $3, which have no record, those that nothing will send.
with told as (
    select row.record_id, cell.key as name, cell.value as remote
    from jsonb_to_recordset($2) as row (record_id integer, remote jsonb)
    cross join lateral jsonb_each(row.remote) as cell (key, value)
    where not exists (
        select
        from {schema}._trigger_log as change
        cross join lateral {hstore}.each(change."values"::{hstore}.hstore) as sent (key, value)
        where change.record_id = row.record_id
          and change.table_name = {name}
          and change.state in ('NEW', 'PENDING', 'FAILED')
          and sent.key = cell.key
          and not (change.action = 'INSERT' and sent.value is null)
    )
)
insert into lockstep.missed (object, record_id, remote)
select $1, told.record_id, jsonb_object_agg(told.name, told.remote)
from told
group by told.record_id
union all
select $1, target.id, null
from {table} as target
where target.id = any($3)
  and target.sfid is null
  and not exists (
      select from {schema}._trigger_log as change
      where change.record_id = target.id
        and change.table_name = {name}
        and change.state in ('NEW', 'PENDING', 'FAILED')
  )
