-- Those of log rows $2 of table $1 that the rehearsal held back when they were last looked at.
select held.id
from lockstep.parked as parked
cross join lateral unnest(parked.log_ids) as held (id)
where parked.table_name = $1 and parked.origin = 'rehearsal' and parked.log_ids && $2 and held.id = any($2)
