-- Which row belongs to which record: the row with its id, else a row without id that has its key.
--
-- The indexes keep a plan that expects one row, and meets ten thousand, from comparing each with each.
create temp table lockstep_match on commit drop as
select page.sfid, coalesce(by_id.id, {key_match}) as record_id
from pg_temp.lockstep_page as page
left join {table} as by_id on by_id.sfid = page.sfid
{key_join};
create index on pg_temp.lockstep_match (sfid);
create index on pg_temp.lockstep_match (record_id);
create index on pg_temp.lockstep_page (sfid);
