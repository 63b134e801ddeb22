-- Note that the records $3, with the stamps $4 and merged into $5 where they were, have no place in table $1 any more,
-- for the cause $2.
insert into lockstep.departure as departure (table_name, sfid, cause, systemmodstamp, master_sfid)
select distinct on (page.sfid) $1, page.sfid, $2, page.systemmodstamp, page.master_sfid
from unnest($3, $4, $5) as page (sfid, systemmodstamp, master_sfid)
join {table} as target on target.sfid = page.sfid
where $2 = 'missing' or {is_current}
order by page.sfid, page.systemmodstamp desc nulls last
on conflict (table_name, sfid) do update
set cause = excluded.cause, systemmodstamp = excluded.systemmodstamp, master_sfid = excluded.master_sfid
where (departure.cause, departure.systemmodstamp, departure.master_sfid)
    is distinct from (excluded.cause, excluded.systemmodstamp, excluded.master_sfid)
