-- Journal entries of records $2 of tables $1, newest first: all inserts, and of the rest the newest few, since a row that
-- changes all the time gathers very many.
select
    journal.id, journal.table_name, journal.record_id, journal.operation, journal.sfid, journal.key,
    journal."values", journal.log_ids, journal.opened_at, journal.outcome, journal.bulk_job, journal.is_part
from (
    select
        entry.*,
        row_number() over (partition by entry.table_name, entry.record_id order by entry.id desc) as age
    from lockstep.journal as entry
    where entry.table_name = any($1)
      and entry.record_id = any($2)
) as journal
where journal.age <= 50
   or journal.operation = 'INSERT'
order by journal.id desc
