-- The rows of {table} behind id $1, in its order and at most $3, that were written at or after transaction $2 and by no
-- transaction that the log names for them: those that may not have been captured, and some of our own.
--
-- A row tells the number of its transaction without the epoch. Numbers from before a restore are no smaller than the
-- server's own; then every row may be meant.
select target.id, target.sfid::text
from {table} as target
where target.id > $1
  and age(target.xmin) <= (
      select case when next.xid < $2 then 2147483647 else next.xid - $2 + 8 end
      from (select pg_snapshot_xmax(pg_current_snapshot())::text::bigint as xid) as next
  )
  and not exists (
      select from {schema}._trigger_log as change
      where change.record_id = target.id
        and change.table_name = {name}
        and change.txid % 4294967296 = target.xmin::text::bigint
  )
  and not exists (
      select from {schema}._trigger_log_archive as change
      where change.record_id = target.id
        and change.table_name = {name}
        and change.txid % 4294967296 = target.xmin::text::bigint
  )
order by target.id
limit $3
