-- How many records of which object wait, and for what.
select coalesce(mapping.object, orphan.table_name), orphan.constraint_name, orphan.parent_table, count(*)
from lockstep.orphan as orphan
left join lockstep.mapping as mapping on mapping.table_name = orphan.table_name
group by 1, 2, 3
order by 1, 2
