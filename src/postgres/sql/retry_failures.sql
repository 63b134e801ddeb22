-- Make parked changes due again: of object $1 or all, of record $2 or all, of log rows $3 or all; with $4, those too that
-- were refused for the same reason as these log rows; with $5, with the row's present values.
select lockstep.retry(object => $1, record_id => $2, changes => $3, alike => $4, present => $5)
