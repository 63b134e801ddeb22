-- Make parked changes due again: of object $1 or all, of record $2 or all, of log rows $3 or all.
with revived as (
    update {schema}._trigger_log as change
    set state = 'NEW', updated_at = clock_timestamp()
    from lockstep.mapping as mapping
    where change.state = 'FAILED'
      and mapping.table_name = change.table_name
      and ($1::text is null or mapping.object = $1)
      and ($2::integer is null or change.record_id = $2)
      and ($3::integer[] is null or change.id = any($3))
    returning change.id, change.table_name, change.record_id
),
unhindered as (
    delete from lockstep.delivery as delivery
    using revived
    where delivery.table_name = revived.table_name and delivery.record_id = revived.record_id
)
select count(*) from revived
