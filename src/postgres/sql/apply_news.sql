-- Whether any live record of the page has no row, or one that differs. Most pages of a quiet object, which show again
-- what the overlap covers, end here.
select exists (
    select
    from pg_temp.lockstep_page as page
    left join {table} as target on target.sfid = page.sfid
    {parents}
    where not page.is_deleted
      and (target.id is null or {system_differs} {differs_anyhow})
)
