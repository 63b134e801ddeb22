-- Records of object $1 whose rows the application deleted for itself only may come back.
update lockstep.tombstone as tombstone
set cause = 'deleted', systemmodstamp = null
from lockstep.mapping as mapping
where mapping.object = $1
  and tombstone.table_name = mapping.table_name
  and tombstone.cause = 'kept_away'
