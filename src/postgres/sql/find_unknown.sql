-- Which of the records with ids $2, stamps $3 and states of deletion $4 have no such version in the table, which is
-- named $1. A deleted record without row is known: there is nothing to delete.
select asked.sfid
from unnest($2::text[], $3::timestamp[], $4::boolean[]) as asked (sfid, stamp, is_deleted)
left join {table} as target on target.sfid = asked.sfid
left join lockstep.tombstone as tombstone
    on target.id is null and tombstone.table_name = $1 and tombstone.sfid = asked.sfid
where case
    when asked.is_deleted then target.id is not null
    else coalesce(target.systemmodstamp, tombstone.systemmodstamp, '-infinity') < asked.stamp
end
