-- The indexes that the load of object $1 has set aside and brings back itself. Guarantee: what a load left behind that
-- is no longer under way is forgotten, so that provisioning makes the indexes again.
with left_behind as (
    delete from lockstep.load as load
    where load.object = $1
      and not exists (
          select
          from lockstep.checkpoint as checkpoint
          where checkpoint.object = $1 and checkpoint.backfill_started_at is not null
      )
    returning load.object
)
select unnest(load.index_names)
from lockstep.load as load
where load.object = $1
  and not exists (select from left_behind)
