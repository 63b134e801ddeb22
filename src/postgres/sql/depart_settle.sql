-- Forget the waiting deletions of table $1 that are done or have lost their row.
delete from lockstep.departure as departure
where departure.table_name = $1
  and not exists (
      select from pg_temp.lockstep_gone as gone where gone.sfid = departure.sfid and gone.held_by is not null
  )
