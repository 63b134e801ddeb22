-- Give up lease $1 of epoch $2 and token $3. Guarantee: its epoch and token are worthless afterwards, and the next may have it at once.
with held as (
    select name from lockstep.lease where name = $1 and epoch = $2 and token = $3 for update
)
update lockstep.lease as lease
set expires_at = '-infinity', epoch = lease.epoch + 1, token = gen_random_uuid()
from held
where lease.name = held.name
