-- Those of the records $2 of table $1 of which an attempt is open, or ended otherwise than accepted, or of which there
-- are $3 attempts or more.
select journal.record_id
from lockstep.journal as journal
where journal.table_name = $1
  and journal.record_id = any($2)
group by journal.record_id
having bool_or(journal.outcome is distinct from 'accepted')
    or count(*) >= $3
