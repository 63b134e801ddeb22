-- Whether what the application wrote to table $2 of schema $1, which is object $4, up to now was captured by trigger $3: it
-- fires in every session, and no hole was found since what is applied was read, at $5.
--
-- Asked after writing, when no other transaction can drop or disable the trigger before this one has ended.
select
    exists (
        select from pg_catalog.pg_trigger as trigger
        where trigger.tgrelid = to_regclass(format('%I.%I', $1, $2))
          and trigger.tgname = $3
          and trigger.tgenabled = 'A'
    )
    and not exists (
        select from lockstep.capture
        where capture.object = $4
          and capture.hole_found_at > $5
    )
