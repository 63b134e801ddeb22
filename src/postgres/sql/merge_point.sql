-- Rows of {child} that refer to a merged record refer to the one it was merged into.
update {child} as child
set {lookup} = gone.master_sfid{reference_assignment}
from pg_temp.lockstep_gone as gone
left join {table} as master on master.sfid = gone.master_sfid
where gone.master_sfid is not null
  and child.{lookup} = gone.sfid
  {only_present}
