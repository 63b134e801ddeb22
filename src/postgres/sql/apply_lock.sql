-- Lock the rows that are about to change, in the order of their ids, and name them. Guarantee: the application's
-- transactions that changed them have ended, so the next statement sees what they captured. Rows that are equal stay
-- unlocked and unwritten, even if the application changes them while the page is applied.
select target.id
from pg_temp.lockstep_match as match
join {table} as target on target.id = match.record_id
join pg_temp.lockstep_page as page on page.sfid = match.sfid
{parents}
where target.sfid is null
   or {system_differs}
   {differs_anyhow}
order by target.id
for no key update of target
