-- Have conflicts decided for side $5 and their changes due again: of object $1 or all, of record $2 or all, of log rows $3
-- or all; with $4, conflicts too that are about the same fields as these.
select lockstep.decide($5, object => $1, record_id => $2, changes => $3, alike => $4)
