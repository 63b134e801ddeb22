-- Forget what could not be held of object $1: of the records in the page, as they are read well now, and fields of
-- the records $2 other than those just found, so that a record in parts well again shows only what is left.
delete from lockstep.unreadable as known
where known.object = $1
  and (
      known.sfid in (select page.sfid collate "C" from pg_temp.lockstep_page as page)
      or (
          known.sfid = any ($2::text[])
          and not exists (
              select
              from unnest($2::text[], $3::text[]) as found (sfid, field)
              where found.sfid collate "C" = known.sfid and found.field = known.field
          )
      )
  )
