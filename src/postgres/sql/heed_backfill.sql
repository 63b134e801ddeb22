-- Whoever runs the load of object $1 has heeded the wish $2. Answers a row the first time.
update lockstep.backfill
set heeded_at = clock_timestamp()
where object = $1 and wish = $2 and heeded_at is null
returning object
