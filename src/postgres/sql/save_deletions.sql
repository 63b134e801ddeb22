-- Deletions of object $1 have been asked for up to $2. Guarantee: never backwards.
insert into lockstep.deletions_asked as deletions (object, covered, asked_at)
values ($1, $2, clock_timestamp())
on conflict (object) do update
set covered = greatest(deletions.covered, excluded.covered), asked_at = excluded.asked_at
