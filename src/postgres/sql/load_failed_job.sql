-- A Bulk job of the load of object $1 came to nothing. Guarantee: the rows that are in are compared from now on.
insert into lockstep.load as load (object, is_direct, failed_jobs)
values ($1, false, 1)
on conflict (object) do update
set is_direct = false, is_read = false, failed_jobs = load.failed_jobs + 1
