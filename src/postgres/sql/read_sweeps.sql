-- How the sweeps of the objects $1 stand, by object.
select
    sweep.object, sweep.known_at, sweep.wanted_at, sweep.wanted_reason, sweep.is_first, sweep.started_at,
    sweep.read_started, sweep.is_full, sweep.job, sweep.phase = 'repair', sweep.sample_after, sweep.held,
    sweep.held_allowed, sweep.held_checked_at, sweep.finished_at, coalesce(checkpoint.loaded, false), clock_timestamp()
from lockstep.sweep as sweep
left join lockstep.checkpoint as checkpoint on checkpoint.object = sweep.object
where sweep.object = any($1)
order by sweep.object
