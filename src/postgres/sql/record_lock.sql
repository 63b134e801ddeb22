-- Lock the rows whose outcomes are recorded. Guarantee: what the application changed in them meanwhile is committed,
-- and the next statement sees it in the log.
select count(*)
from (
    select target.id
    from {table} as target
    where target.id in (select outcome.record_id from pg_temp.lockstep_recorded as outcome)
    order by target.id
    for no key update
) as locked
