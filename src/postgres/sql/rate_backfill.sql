-- The load of object $1 reads at most $2 rows per second from now on; as fast as it can where null.
update lockstep.backfill set rows_per_second = $2 where object = $1
