-- Lock the rows that are about to change, in the order of their ids. Guarantee: the application's transactions
-- that changed them have ended, so the next statement sees what they captured. Rows that are equal stay unlocked
-- and unwritten, even if the application changes them while the page is applied.
create temp table lockstep_locked on commit drop as
select target.id
from {table} as target
join pg_temp.lockstep_match as match on match.record_id = target.id
join pg_temp.lockstep_page as page on page.sfid = match.sfid
{parents}
where target.sfid is null
   or {system_differs}
   {differs_anyhow}
order by target.id
for no key update of target
