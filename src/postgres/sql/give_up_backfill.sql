-- What was asked of the load of object $1 is given up. Guarantee: a wish to cancel stays, and counts as heeded.
update lockstep.backfill
set since = null, since_text = null, fields = null, rows_per_second = null, began_at = null, expected_rows = null,
    seconds = 0, calls = 0, heeded_at = clock_timestamp()
where object = $1
