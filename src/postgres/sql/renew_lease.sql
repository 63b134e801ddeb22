-- Hold lease $1 of epoch $2 and token $4 for another $3 seconds. Guarantee: no row when another has taken it.
update lockstep.lease
set expires_at = clock_timestamp() + make_interval(secs => $3)
where name = $1 and epoch = $2 and token = $4
