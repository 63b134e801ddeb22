-- Which row belongs to which record: the row with its id, else a row without id that has its key.
create temp table lockstep_match on commit drop as
select page.sfid, coalesce(by_id.id, {key_match}) as record_id
from pg_temp.lockstep_page as page
left join {table} as by_id on by_id.sfid = page.sfid
{key_join}
where not page.is_deleted
