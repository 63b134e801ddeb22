-- What a person has decided about conflicts of records $2 of table $1, and the values that were shown.
select parked.record_id, parked.winner, parked.conflicts
from lockstep.parked as parked
where parked.table_name = $1
  and parked.record_id = any($2)
  and parked.winner is not null
