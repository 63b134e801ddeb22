-- Take lease $1 for holder $2 and $3 seconds, if nobody holds it. Guarantee: a new epoch and token, or no row.
--
-- Run after lock_lease.sql in the same transaction, so that a fenced transaction of the old holder has ended.
insert into lockstep.lease as lease (name, epoch, holder, token, expires_at)
values ($1, 1, $2, gen_random_uuid(), clock_timestamp() + make_interval(secs => $3))
on conflict (name) do update
set epoch = lease.epoch + 1,
    holder = excluded.holder,
    token = excluded.token,
    expires_at = excluded.expires_at
where lease.expires_at <= clock_timestamp()
returning epoch, token
