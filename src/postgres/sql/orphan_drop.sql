-- Records $2 of table $1 are not waited for any more.
delete from lockstep.orphan as orphan where orphan.table_name = $1 and orphan.sfid = any($2)
