-- Note that the objects $1 are known from now on, as far as they are loaded and were not known.
insert into lockstep.sweep (object)
select checkpoint.object
from lockstep.checkpoint as checkpoint
where checkpoint.object = any($1)
  and checkpoint.loaded
  and not exists (select from lockstep.sweep as sweep where sweep.object = checkpoint.object)
on conflict (object) do nothing
