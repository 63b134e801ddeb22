-- Make log rows $1, which the rehearsal held back, due again, and forget that it did.
with forgotten as (
    delete from lockstep.parked as parked where parked.origin = 'rehearsal' and parked.log_ids && $1
)
update {schema}._trigger_log as change
set state = 'NEW', updated_at = clock_timestamp()
where change.id = any($1) and change.state = 'FAILED'
