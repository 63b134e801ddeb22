-- The sweep of object $1 has compared everything: $2 records scanned, $3 sampled, the next sample begins behind $4.
update lockstep.sweep
set phase = 'repair', job = null,
    scanned = $2, sampled = $3, sample_after = $4,
    missing = found.missing, extra = found.extra, stale = found.stale, differing = found.differing
from (
    select
        count(*) filter (where kind = 'missing') as missing,
        count(*) filter (where kind = 'extra') as extra,
        count(*) filter (where kind = 'stale') as stale,
        count(*) filter (where kind = 'differing') as differing
    from pg_temp.lockstep_found
) as found
where object = $1
