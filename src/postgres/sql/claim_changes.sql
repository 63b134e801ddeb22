-- Claim the changes of about $2 due log rows of tables $1, oldest first; without $3, only those of records that were
-- inserted or deleted; with changes behind log row $7 only. Stops before the next $5 rows where what it holds already exceeds $4 bytes.
-- With $8, no change behind the last of these rows comes along with its record. The records $9, $10, which waited for
-- each other, come in any case: only together can they be put in order.
--
-- State, not an id, decides what is due, so a transaction that commits late is not missed. Guarantee: a record comes
-- whole, with its parked rows and the deletion of a row that was never sent; records that must wait do not come, but
-- one that waits for another row comes when the application changes it again.
-- Such a deletion brings its record by itself: after it, nothing else will repair what is parked or waits.
-- Where the deletion of a row that Salesforce has is parked, a new row with its id waits until that is settled.
-- Rows found PENDING were left by a worker that is gone: the lease allows one at a time.
-- Of an update comes the old text of the changed columns and of $6 only, of an insert no column that is null: the rest is
-- not missed, and most of a wide row is that.
with due as (
    (
        select change.id, change.table_name, change.record_id,
            octet_length(case change.action when 'DELETE' then change.old else change."values" end) as size
        from {schema}._trigger_log as change
        where change.state = 'NEW'
          and change.id > $7
          and change.table_name = any($1)
          and ($3 or change.action <> 'UPDATE')
          and not exists (
              select from {schema}._trigger_log as parked
              where parked.record_id = change.record_id
                and parked.table_name = change.table_name
                and parked.state = 'FAILED'
                and parked.action = 'DELETE'
                and parked.id < change.id
          )
          and not exists (
              select from lockstep.delivery as delivery
              where delivery.table_name = change.table_name
                and delivery.record_id = change.record_id
                and delivery.not_before > clock_timestamp()
                and (delivery.seen is null or change.id <= delivery.seen)
          )
        order by change.id
        limit $2
    )
    union all
    (
        select change.id, change.table_name, change.record_id,
            octet_length(case change.action when 'DELETE' then change.old else change."values" end) as size
        from {schema}._trigger_log as change
        where change.state = 'PENDING'
          and change.id > $7
          and change.table_name = any($1)
          and ($3 or change.action <> 'UPDATE')
          and not exists (
              select from {schema}._trigger_log as parked
              where parked.record_id = change.record_id
                and parked.table_name = change.table_name
                and parked.state = 'FAILED'
                and parked.action = 'DELETE'
                and parked.id < change.id
          )
          and not exists (
              select from lockstep.delivery as delivery
              where delivery.table_name = change.table_name
                and delivery.record_id = change.record_id
                and delivery.not_before > clock_timestamp()
                and (delivery.seen is null or change.id <= delivery.seen)
          )
        order by change.id
        limit $2
    )
    union all
    (
        select change.id, change.table_name, change.record_id, octet_length(change.old) as size
        from {schema}._trigger_log as change
        where change.state = 'IGNORE'
          and change.action = 'DELETE'
          and change.id > $7
          and change.table_name = any($1)
          and (
              exists (
                  select from {schema}._trigger_log as parked
                  where parked.record_id = change.record_id
                    and parked.table_name = change.table_name
                    and parked.state = 'FAILED'
                    and parked.id < change.id
              )
              or exists (
                  select from lockstep.delivery as delivery
                  where delivery.table_name = change.table_name
                    and delivery.record_id = change.record_id
                    and delivery.seen < change.id
              )
          )
          and not exists (
              select from lockstep.delivery as delivery
              where delivery.table_name = change.table_name
                and delivery.record_id = change.record_id
                and delivery.not_before > clock_timestamp()
                and (delivery.seen is null or change.id <= delivery.seen)
          )
        order by change.id
        limit $2
    )
),
oldest as (
    select block.table_name, block.record_id, block.id
    from (
        select oldest.table_name, oldest.record_id, oldest.id,
            min(oldest.before) over (partition by (oldest.place - 1) / $5) as before
        from (
            select due.table_name, due.record_id, due.id, row_number() over by_age as place,
                sum(coalesce(due.size, 0)) over by_age - coalesce(due.size, 0) as before
            from due
            window by_age as (order by due.id)
            order by due.id
            limit $2
        ) as oldest
    ) as block
    where block.before <= $4
),
records as (
    select oldest.table_name, oldest.record_id from oldest
    union
    select circle.table_name, circle.record_id from unnest($9, $10) as circle (table_name, record_id)
),
claimed as (
    update {schema}._trigger_log as change
    set state = case change.state when 'NEW' then 'PENDING' else change.state end,
        updated_at = clock_timestamp()
    from records
    where change.table_name = records.table_name
      and change.record_id = records.record_id
      and (
          change.state in ('NEW', 'PENDING', 'FAILED')
          or (change.state = 'IGNORE' and change.action = 'DELETE')
      )
      and (not $8 or change.id <= (select max(oldest.id) from oldest))
    returning
        change.id, change.state, change.table_name, change.record_id, change.sfid, change.action,
        change.old, change."values", change.created_at
)
select
    claimed.id,
    claimed.state::text,
    claimed.table_name::text,
    claimed.record_id,
    claimed.sfid::text,
    claimed.action::text,
    case claimed.action
        when 'UPDATE' then {hstore}.hstore_to_json({hstore}.slice(
            claimed.old::{hstore}.hstore, {hstore}.akeys(claimed."values"::{hstore}.hstore) || $6
        ))
        else {hstore}.hstore_to_json(claimed.old::{hstore}.hstore)
    end as old,
    case claimed.action
        when 'INSERT' then json_strip_nulls({hstore}.hstore_to_json(claimed."values"::{hstore}.hstore))
        else {hstore}.hstore_to_json(claimed."values"::{hstore}.hstore)
    end as "values",
    coalesce(claimed.created_at, clock_timestamp()) as created_at
from claimed
order by claimed.id
