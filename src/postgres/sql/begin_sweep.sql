-- A sweep of object $1 begins: at $2 by Salesforce's clock and $3 by the database's, all values if $4, by job $5.
-- What an earlier one left unsettled is found again.
with forgotten as (
    delete from lockstep.sweep_finding where object = $1
)
insert into lockstep.sweep (object, started_at, read_started, is_full, job, phase)
values ($1, $2, $3, $4, $5, 'scan')
on conflict (object) do update
set started_at = excluded.started_at, read_started = excluded.read_started, is_full = excluded.is_full,
    job = excluded.job, phase = excluded.phase, scanned = 0, sampled = 0, missing = 0, extra = 0, stale = 0,
    differing = 0, repaired = 0
