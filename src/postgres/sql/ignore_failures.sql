-- Give parked changes up, with reason $5: of object $1 or all, of record $2 or all, of log rows $3 or all; with $4, those
-- too that were refused for the same reason as these log rows.
with alike as (
    select member.id
    from lockstep.parked as asked
    join lockstep.parked as parked on parked.cause = asked.cause and parked.object = asked.object
    cross join lateral unnest(parked.log_ids) as member (id)
    where $4 and asked.log_ids && $3
),
given_up as (
    delete from {schema}._trigger_log as change
    using lockstep.mapping as mapping
    where change.state = 'FAILED'
      and mapping.table_name = change.table_name
      and ($1::text is null or mapping.object = $1)
      and ($2::integer is null or change.record_id = $2)
      and ($3::integer[] is null or change.id = any($3) or change.id in (select alike.id from alike))
    returning
        change.id, change.txid, change.created_at, change.action, change.table_name, change.record_id,
        change.sfid, change.old, change."values", change.sf_result, change.sf_message
),
archived as (
    insert into {schema}._trigger_log_archive
        (id, txid, created_at, updated_at, processed_at, processed_tx, state, action, table_name, record_id, sfid,
         old, "values", sf_result, sf_message)
    select
        id, txid, created_at, clock_timestamp(), clock_timestamp(), txid_current(), 'IGNORED', action, table_name,
        record_id, sfid, old, "values", sf_result, concat_ws('; given up: ', sf_message, $5::text)
    from given_up
),
forgotten as (
    delete from lockstep.parked as parked using given_up where given_up.id = parked.log_id
)
select count(*) from given_up
