-- What waits: records that cannot have a row yet, and rows that are to go and cannot yet; by object and reason.
select
    coalesce(mapping.object, waiting.table_name), waiting.is_row, waiting.reason, waiting.parent_table, waiting.count,
    waiting.is_ambiguous
from (
    select
        orphan.table_name, false as is_row, orphan.constraint_name as reason, orphan.parent_table,
        count(*) as count, orphan.is_ambiguous
    from lockstep.orphan as orphan
    group by orphan.table_name, orphan.constraint_name, orphan.parent_table, orphan.is_ambiguous
    union all
    select
        departure.table_name, true, coalesce(departure.held_by, 'the end of the poll'), departure.table_name,
        count(*), false
    from lockstep.departure as departure
    group by departure.table_name, departure.held_by
) as waiting
left join lockstep.mapping as mapping on mapping.table_name = waiting.table_name
order by 1, 2, 3, 6
