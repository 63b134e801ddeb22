-- Journal entries of tables $1 that are open, newest first.
select
    journal.id, journal.table_name, journal.record_id, journal.operation, journal.sfid, journal.key,
    journal."values", journal.log_ids, journal.opened_at, journal.outcome, journal.bulk_job, journal.is_part
from lockstep.journal as journal
where journal.table_name = any($1)
  and journal.outcome is null
order by journal.id desc
