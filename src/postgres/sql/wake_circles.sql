-- Let records of tables $1 go on that wait for each other in a circle: only together can they be put in order. They come
-- to wait so when a claim, or a failure, brings some of them before the others.
--
-- Whoever waits for a row that does not wait itself, or for one that does so, is in no circle. Only those are looked at
-- that others wait for.
with recursive grounded as (
    select waiting.table_name, waiting.record_id
    from lockstep.delivery as waiting
    where waiting.parent_table is not null
      and waiting.table_name = any($1)
      and exists (
          select from lockstep.delivery as follower
          where follower.parent_table = waiting.table_name
            and follower.parent_id = waiting.record_id
      )
      and not exists (
          select from lockstep.delivery as parent
          where parent.table_name = waiting.parent_table
            and parent.record_id = waiting.parent_id
            and parent.parent_table is not null
      )
    union
    select next.table_name, next.record_id
    from grounded
    cross join lateral (
        select waiting.table_name, waiting.record_id
        from lockstep.delivery as waiting
        where waiting.parent_table = grounded.table_name
          and waiting.parent_id = grounded.record_id
          and exists (
              select from lockstep.delivery as follower
              where follower.parent_table = waiting.table_name
                and follower.parent_id = waiting.record_id
          )
        -- Keeps this a look into the index for each row, however many the planner expects.
        offset 0
    ) as next
)
delete from lockstep.delivery as delivery
where delivery.parent_table is not null
  and delivery.table_name = any($1)
  and exists (
      select from lockstep.delivery as follower
      where follower.parent_table = delivery.table_name
        and follower.parent_id = delivery.record_id
  )
  and not exists (
      select from grounded
      where grounded.table_name = delivery.table_name
        and grounded.record_id = delivery.record_id
  )
returning delivery.table_name::text, delivery.record_id
