-- Remember what keeps rows of table $1 that are to go.
insert into lockstep.departure as departure
    (table_name, sfid, cause, systemmodstamp, master_sfid, held_by)
select $1, gone.sfid, gone.cause, gone.systemmodstamp, gone.master_sfid, gone.held_by
from pg_temp.lockstep_gone as gone
where gone.held_by is not null
on conflict (table_name, sfid) do update
set cause = excluded.cause, systemmodstamp = excluded.systemmodstamp, master_sfid = excluded.master_sfid,
    held_by = excluded.held_by
where (departure.cause, departure.systemmodstamp, departure.master_sfid, departure.held_by)
    is distinct from (excluded.cause, excluded.systemmodstamp, excluded.master_sfid, excluded.held_by)
