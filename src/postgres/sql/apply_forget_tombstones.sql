-- Forget the deletions of records of table $1 that are back.
delete from lockstep.tombstone as tombstone
using pg_temp.lockstep_page as page
where tombstone.table_name = $1
  and tombstone.sfid = page.sfid
  and not page.is_deleted
  and exists (select from {table} as target where target.sfid = page.sfid)
