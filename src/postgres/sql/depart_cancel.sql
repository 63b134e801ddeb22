-- Records of table $1 that are live in the page stay.
delete from lockstep.departure as departure
using pg_temp.lockstep_page as page
where departure.table_name = $1
  and departure.sfid = page.sfid
  and not page.is_deleted
  and (departure.systemmodstamp is null or page.systemmodstamp is null
      or page.systemmodstamp >= departure.systemmodstamp)
