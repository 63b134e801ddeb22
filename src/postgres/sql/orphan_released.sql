-- Up to $2 records of table $1 that can be read again.
select orphan.sfid from lockstep.orphan as orphan
where orphan.table_name = $1 and orphan.is_released
order by orphan.sfid
limit $2
