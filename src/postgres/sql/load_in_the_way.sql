-- Whether anything is known of rows of table $1, which holds object $2, that a page read since $3 may not overrule or
-- has to reckon with. Asked under a lock that keeps the application's writes out.
select
    exists (
        select
        from {schema}._trigger_log as change
        where change.table_name = $1 and change.state in ('NEW', 'PENDING', 'FAILED')
    )
    or exists (
        select
        from lockstep.journal as journal
        where journal.table_name = $1
          and journal.outcome is distinct from 'refused'
          and coalesce(journal.closed_at, 'infinity'::timestamptz) >= $3
    )
    or exists (select from lockstep.tombstone as tombstone where tombstone.table_name = $1)
    or exists (select from lockstep.departure as departure where departure.table_name = $1)
    or exists (
        select
        from lockstep.orphan as orphan
        where orphan.table_name = $1 or orphan.parent_table = $1
    )
    or exists (select from lockstep.unreadable as unreadable where unreadable.object = $2)
