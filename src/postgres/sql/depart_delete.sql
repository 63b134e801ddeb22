-- Remove rows of table $1, and remember their ids.
with removed as (
    delete from {table} as target
    using pg_temp.lockstep_gone as gone
    where gone.held_by is null
      and target.id = gone.record_id
      and target.sfid = gone.sfid
    returning
        target.id, gone.sfid, gone.cause, gone.master_sfid, greatest(gone.systemmodstamp, {row_stamp}) as systemmodstamp
)
insert into lockstep.tombstone (table_name, sfid, record_id, systemmodstamp, cause, master_sfid)
select $1, removed.sfid, removed.id, removed.systemmodstamp, removed.cause, removed.master_sfid
from removed
on conflict (table_name, sfid) do update
set record_id = excluded.record_id, systemmodstamp = excluded.systemmodstamp,
    deleted_at = excluded.deleted_at, cause = excluded.cause, master_sfid = excluded.master_sfid
