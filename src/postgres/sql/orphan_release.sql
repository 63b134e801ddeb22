-- Records of table $1 that waited for a parent under the foreign key $2, which is here now, are read again.
update lockstep.orphan as orphan
set is_released = true
where orphan.table_name = $1
  and orphan.constraint_name = $2
  and not orphan.is_released
  and exists (select from {parent} as parent where {is_parent})
