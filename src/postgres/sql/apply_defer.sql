-- Drop the records of table $1 that were being sent when the read of $2 began or later: what was read may be older
-- than what was sent. What was refused, or never left, changed nothing.
with recent as (
    select journal.record_id, journal.sfid
    from lockstep.journal as journal
    where journal.table_name = $1
      and journal.outcome is distinct from 'refused'
      and coalesce(journal.closed_at, 'infinity'::timestamptz) >= $2
),
moving as (
    select recent.sfid::varchar as sfid from recent where recent.sfid is not null
    union all
    select match.sfid from recent join pg_temp.lockstep_match as match on match.record_id = recent.record_id
)
delete from pg_temp.lockstep_page as page
using (select distinct moving.sfid from moving) as moved
where moved.sfid = page.sfid
