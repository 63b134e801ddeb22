-- A person wishes $2 of the load of object $1. Answers a row when that is news.
insert into lockstep.backfill as backfill (object, wish, wished_at)
values ($1, $2, clock_timestamp())
on conflict (object) do update
set wish = excluded.wish, wished_at = excluded.wished_at, heeded_at = null
where backfill.wish <> excluded.wish
returning backfill.object
