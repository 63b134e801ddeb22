-- Note the deletions of a page of table $1 that is not the last of its window: they are counted and carried out with
-- the last.
insert into lockstep.departure as departure (table_name, sfid, cause, systemmodstamp, master_sfid)
select $1, page.sfid, 'deleted', page.systemmodstamp, page.master_sfid
from pg_temp.lockstep_page as page
join {table} as target on target.sfid = page.sfid
where page.is_deleted
  and {is_current}
on conflict (table_name, sfid) do update
set cause = excluded.cause, systemmodstamp = excluded.systemmodstamp, master_sfid = excluded.master_sfid
where (departure.cause, departure.systemmodstamp, departure.master_sfid)
    is distinct from (excluded.cause, excluded.systemmodstamp, excluded.master_sfid)
