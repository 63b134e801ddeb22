-- Rows of table $1 with unsent changes stay for now, as do those that were being sent when the read of $2 began: the
-- push decides about them.
update pg_temp.lockstep_gone as gone
set held_by = 'changes that are not sent yet'
where exists (
    select
    from {schema}._trigger_log as change
    where change.record_id = gone.record_id
      and change.table_name = $1
      and change.state in ('NEW', 'PENDING', 'FAILED')
)
or exists (
    select
    from lockstep.journal as journal
    where journal.record_id = gone.record_id
      and journal.table_name = $1
      and journal.outcome is distinct from 'refused'
      and coalesce(journal.closed_at, 'infinity'::timestamptz) >= $2
)
