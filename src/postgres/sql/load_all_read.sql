-- All pages of the load of object $1 are in. Guarantee: no row is written when the load was given up meanwhile.
update lockstep.load as load
set is_read = true
from lockstep.checkpoint as checkpoint
where load.object = $1
  and checkpoint.object = $1
  and checkpoint.backfill_started_at = $2
