-- Together with those that the page itself deletes.
and not exists (
    select from pg_temp.lockstep_page as page where page.is_deleted and page.sfid = departure.sfid
)
union all
select page.sfid, page.systemmodstamp, page.master_sfid, 'deleted'
from pg_temp.lockstep_page as page
where page.is_deleted
