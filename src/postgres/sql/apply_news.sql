-- Whether any live record of the page has no row, and whether any has one that differs. Most pages of a quiet object,
-- which show again what the overlap covers, end here.
select
    coalesce(bool_or(target.id is null), false),
    coalesce(bool_or(target.id is not null and ({system_differs} {differs_anyhow})), false)
from pg_temp.lockstep_page as page
left join {table} as target on target.sfid = page.sfid
{parents}
where not page.is_deleted
