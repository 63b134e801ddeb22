-- The sweep of object $1 has ended: as planned if $2, with $3 rows repaired. Guarantee: what was asked for since it
-- began is still wanted, and what the guard holds back stays known.
with forgotten as (
    delete from lockstep.sweep_finding
    where object = $1
      and (kind <> 'gone' or not exists (select from lockstep.sweep where object = $1 and held is not null))
)
update lockstep.sweep as sweep
set finished_at = case when $2 then clock_timestamp() else finished_at end,
    is_first = sweep.is_first and (not $2 or coalesce(sweep.wanted_at > sweep.read_started, false)),
    wanted_reason = case when $2 and sweep.wanted_at <= sweep.read_started then null else wanted_reason end,
    wanted_at = case when $2 and sweep.wanted_at <= sweep.read_started then null else wanted_at end,
    repaired = sweep.repaired + $3,
    started_at = null, phase = null, job = null, is_full = false
where sweep.object = $1
