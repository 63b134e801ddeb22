-- How many rows go now, how many are held, and whether any was merged.
select
    count(*) filter (where held_by is null),
    count(*) filter (where held_by is not null),
    coalesce(bool_or(master_sfid is not null), false)
from pg_temp.lockstep_gone
