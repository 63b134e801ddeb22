-- Keep the fields $2 to $4 of records of object $1 that cannot be held. A field that could not be held before
-- keeps its time.
insert into lockstep.unreadable as known (object, sfid, field, reason)
select $1, found.sfid, found.field, found.reason
from unnest($2::text[], $3::text[], $4::text[]) as found (sfid, field, reason)
on conflict (object, sfid, field) do update set reason = excluded.reason
where known.reason <> excluded.reason
