-- Records of table $1 that wait for what nobody forbids any more are read again: their key is free, or the foreign key
-- is none of $2.
update lockstep.orphan as orphan
set is_released = true
where orphan.table_name = $1
  and not orphan.is_released
  and case when orphan.constraint_name = {key_name} then {key_is_free} else orphan.constraint_name <> all($2) end
