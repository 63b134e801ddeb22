-- Count $3 calls of kind $2 for object $1 in this hour.
insert into lockstep.api_usage as api_usage (object, kind, hour, calls)
values ($1, $2, date_trunc('hour', now()), $3)
on conflict (hour, object, kind) do update
set calls = api_usage.calls + excluded.calls
