-- The rows of table $1 that are to go, locked in the order of their ids. Guarantee: the application's transactions
-- that changed them have ended, so the next statement sees what they captured.
create temp table lockstep_gone on commit drop as
select
    page.sfid, target.id as record_id, page.systemmodstamp, page.master_sfid, page.cause, null::text as held_by
from (
    select departure.sfid, departure.systemmodstamp, departure.master_sfid, departure.cause
    from lockstep.departure as departure
    where departure.table_name = $1
    {noted_only}
) as page
join {table} as target on target.sfid = page.sfid
where page.cause = 'missing' or {is_current}
order by target.id
for no key update of target
