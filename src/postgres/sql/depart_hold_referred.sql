-- Rows that other rows refer to by a foreign key which restricts stay until nothing refers to them.
update pg_temp.lockstep_gone as gone
set held_by = {held_by}
from {table} as target
where gone.held_by is null
  and target.id = gone.record_id
  and exists (
      select
      from {child} as child
      where {refers}
        {stays}
  )
