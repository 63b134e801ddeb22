-- Keep that object $1 differs in fields $2, in ways $3, in words $4, all three side by side.
-- Guarantee: what was kept already keeps its beginning.
insert into lockstep.drift as drift (object, field, kind, detail)
select $1, noted.field, noted.kind, noted.detail
from unnest($2::text[], $3::text[], $4::text[]) as noted (field, kind, detail)
on conflict (object, field) do update
set kind = excluded.kind, detail = excluded.detail
where (drift.kind, drift.detail) is distinct from (excluded.kind, excluded.detail)
