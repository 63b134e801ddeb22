-- The tables of schema $1 with rows that records of tables $2 wait for.
select distinct delivery.parent_table
from lockstep.delivery as delivery
where delivery.parent_table is not null
  and delivery.table_name = any($2)
  and to_regclass(format('%I.%I', $1, delivery.parent_table)) is not null
