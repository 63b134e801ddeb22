-- Keep what the scan of object $1 found and what can be repaired.
insert into lockstep.sweep_finding (object, sfid, kind)
select $1, found.sfid, min(found.kind)
from pg_temp.lockstep_found as found
where found.kind in ('missing', 'extra', 'stale', 'differing')
group by found.sfid
on conflict (object, sfid) do update
set kind = excluded.kind
