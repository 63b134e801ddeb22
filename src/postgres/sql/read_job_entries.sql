-- The next $3 journal entries of Bulk job $1 that are open, behind entry $2.
select
    journal.id, journal.table_name, journal.record_id, journal.operation, journal.sfid, journal.key,
    journal."values", journal.log_ids, journal.opened_at, journal.outcome, journal.bulk_job, journal.is_part
from lockstep.journal as journal
where journal.bulk_job = $1
  and journal.outcome is null
  and journal.id > $2
order by journal.id
limit $3
