-- Remove the rows of table $1 whose records were deleted, and remember their ids.
-- Guarantee: rows with unsent changes stay; the push decides about them.
with removed as (
    delete from {table} as target
    using pg_temp.lockstep_page as page
    join pg_temp.lockstep_match as match on match.sfid = page.sfid
    where page.is_deleted
      and target.id = match.record_id
      and target.sfid = page.sfid
      and {is_current}
      and not exists (
          select from pg_temp.lockstep_unsent as unsent where unsent.record_id = target.id
      )
    returning target.id, page.sfid, page.systemmodstamp
)
insert into lockstep.tombstone (table_name, sfid, record_id, systemmodstamp)
select $1, removed.sfid, removed.id, removed.systemmodstamp
from removed
on conflict (table_name, sfid) do update
set record_id = excluded.record_id, systemmodstamp = excluded.systemmodstamp,
    deleted_at = excluded.deleted_at
