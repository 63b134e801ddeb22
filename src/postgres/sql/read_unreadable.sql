-- The values of object $1, or of all, that their columns cannot hold: the oldest $2, and in front of each how many
-- records there are in all.
select
    (select count(distinct (counted.object, counted.sfid)) from lockstep.unreadable as counted
     where $1::text is null or counted.object = $1),
    unreadable.object, unreadable.sfid::text, unreadable.field, unreadable.reason, unreadable.since
from lockstep.unreadable as unreadable
where $1::text is null or unreadable.object = $1
order by unreadable.since, unreadable.object, unreadable.sfid, unreadable.field
limit $2
