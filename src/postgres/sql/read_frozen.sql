-- The fields of object $1, or of all, that both sides keep undoing: those that were left alone within the last week and
-- of which no value was accepted since. The latest $2, and in front of each how many there are in all.
with frozen as (
    select conflict.object, conflict.table_name, conflict.record_id, conflict.field, max(conflict.at) as at
    from lockstep.conflict as conflict
    where conflict.winner = 'neither'
      and conflict.at > now() - interval '7 days'
      and ($1::text is null or conflict.object = $1)
    group by conflict.object, conflict.table_name, conflict.record_id, conflict.field
)
select
    count(*) over (), frozen.object, frozen.table_name, frozen.record_id, frozen.field, frozen.at
from frozen
where not exists (
    select from lockstep.journal as journal
    where journal.table_name = frozen.table_name
      and journal.record_id = frozen.record_id
      and journal.outcome = 'accepted'
      and journal.opened_at > frozen.at
      and journal."values" ? frozen.field
)
order by frozen.at desc, frozen.object, frozen.record_id, frozen.field
limit $2
