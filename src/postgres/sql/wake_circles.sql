-- Let records go on that wait for each other in a circle: only together can they be put in order. They come to wait so
-- when a failure lets some of them come before the others. Longer circles than this looks for are not told from chains.
with recursive chain as (
    select
        waiting.table_name, waiting.record_id, waiting.parent_table, waiting.parent_id, 1 as length
    from lockstep.delivery as waiting
    where waiting.parent_table is not null
      and exists (
          select from lockstep.delivery as follower
          where follower.parent_table = waiting.table_name
            and follower.parent_id = waiting.record_id
      )
    union all
    select chain.table_name, chain.record_id, next.parent_table, next.parent_id, chain.length + 1
    from chain
    join lockstep.delivery as next
        on next.table_name = chain.parent_table
        and next.record_id = chain.parent_id
        and next.parent_table is not null
    where (chain.parent_table, chain.parent_id) <> (chain.table_name, chain.record_id)
      and chain.length < 100
)
delete from lockstep.delivery as delivery
using chain
where (chain.parent_table, chain.parent_id) = (chain.table_name, chain.record_id)
  and delivery.table_name = chain.table_name
  and delivery.record_id = chain.record_id
