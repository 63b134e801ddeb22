-- The poll of object $1 that began at $2 of Salesforce's clock has applied all up to stamp $3 and id $4; its Bulk query
-- job is $5, read up to locator $6 and asked for at $7.
insert into lockstep.poll (object, covered, stamp, after_id, job, locator, read_started)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (object) do update
set covered = excluded.covered, stamp = excluded.stamp, after_id = excluded.after_id, job = excluded.job,
    locator = excluded.locator, read_started = excluded.read_started
