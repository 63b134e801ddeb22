-- A load of object $1 is asked for: of records stamped since $2 (given as $3), of the fields $4, at most $5 rows per
-- second. Guarantee: what was asked before is forgotten; how long the last load took is not.
insert into lockstep.backfill as backfill (object, since, since_text, fields, rows_per_second, began_at)
values ($1, $2, $3, $4, $5, clock_timestamp())
on conflict (object) do update
set since = excluded.since, since_text = excluded.since_text, fields = excluded.fields,
    rows_per_second = excluded.rows_per_second, wish = 'run', wished_at = null, heeded_at = null,
    began_at = excluded.began_at, expected_rows = null, seconds = 0, calls = 0
