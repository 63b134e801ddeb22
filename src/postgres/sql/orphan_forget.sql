-- Records of table $1 that are in the page are not waited for any more.
delete from lockstep.orphan as orphan
using pg_temp.lockstep_page as page
where orphan.table_name = $1 and orphan.sfid = page.sfid
