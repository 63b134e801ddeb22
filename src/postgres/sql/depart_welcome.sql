-- Records of table $1 without row, whose row the application deleted for itself only, are among $2, which Salesforce
-- has deleted by $3: if they are restored there, they come back.
update lockstep.tombstone as tombstone
set cause = 'deleted', systemmodstamp = gone.systemmodstamp, deleted_at = clock_timestamp()
from unnest($2, $3) as gone (sfid, systemmodstamp)
where tombstone.table_name = $1
  and tombstone.sfid = gone.sfid
  and tombstone.cause = 'kept_away'
