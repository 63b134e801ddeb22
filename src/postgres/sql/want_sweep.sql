-- Object $1 has to be compared as a whole, because of $2; $3: before anything more of it is pushed. Guarantee: joins a
-- request that is not yet served, and keeps its reason.
insert into lockstep.sweep as sweep (object, wanted_at, wanted_reason, is_first)
values ($1, clock_timestamp(), $2, $3)
on conflict (object) do update
set wanted_at = clock_timestamp(),
    wanted_reason = case
        when sweep.wanted_reason is null or strpos(sweep.wanted_reason, excluded.wanted_reason) > 0
            then coalesce(sweep.wanted_reason, excluded.wanted_reason)
        else left(sweep.wanted_reason || '; ' || excluded.wanted_reason, 500)
    end,
    is_first = sweep.is_first or excluded.is_first
