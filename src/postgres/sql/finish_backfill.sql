-- What was asked of the load of object $1 is done.
update lockstep.backfill
set since = null, since_text = null, fields = null, rows_per_second = null, wish = 'run', wished_at = null,
    heeded_at = null
where object = $1
