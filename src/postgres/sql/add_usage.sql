-- Count $3 calls of kind $2 for object $1, all three side by side, in this hour.
insert into lockstep.api_usage as api_usage (object, kind, hour, calls)
select counted.object, counted.kind, date_trunc('hour', now()), counted.calls
from unnest($1::text[], $2::text[], $3::bigint[]) as counted (object, kind, calls)
order by counted.object, counted.kind
on conflict (hour, object, kind) do update
set calls = api_usage.calls + excluded.calls
