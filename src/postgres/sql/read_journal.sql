-- Journal entries: of tables $1 that are open, or, where $2 names records, all entries of those, newest first.
select
    journal.id, journal.table_name, journal.record_id, journal.operation, journal.sfid, journal.key,
    journal."values", journal.log_ids, journal.opened_at, journal.outcome, journal.bulk_job
from lockstep.journal as journal
where journal.table_name = any($1)
  and case when $2::integer[] is null
      then journal.outcome is null
      else journal.record_id = any($2)
  end
order by journal.id desc
