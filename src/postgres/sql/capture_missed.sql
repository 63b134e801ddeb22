-- Capture what was missed of object $1: rows as they are now, as changes of what their records held when they were compared.
-- Where the application has changed such a column again since, that change is of the record's value too.
with missed as materialized (
    select
        missed.record_id,
        (
            select {hstore}.hstore(array_agg(cell.key), array_agg(cell.value))
            from jsonb_each_text(missed.remote) as cell (key, value)
        ) as remote
    from lockstep.missed as missed
    where missed.object = $1
),
unsent as (
    select change.record_id, array_agg(distinct cell.key) as names
    from missed
    join {schema}._trigger_log as change
        on change.record_id = missed.record_id
        and change.table_name = {name}
        and change.state in ('NEW', 'PENDING', 'FAILED')
    left join lateral {hstore}.each(change."values"::{hstore}.hstore) as cell (key, value)
        on not (change.action = 'INSERT' and cell.value is null)
    group by change.record_id
),
based as (
    update {schema}._trigger_log as change
    set old = (
            change.old::{hstore}.hstore operator({hstore}.||) {hstore}.slice(
                missed.remote, {hstore}.akeys(change."values"::{hstore}.hstore)
            )
        )::text
    from missed
    where change.record_id = missed.record_id
      and change.table_name = {name}
      and change.state in ('NEW', 'PENDING', 'FAILED')
      and change.action = 'UPDATE'
      and change.old is not null
      and change."values"::{hstore}.hstore operator({hstore}.?|) {hstore}.akeys(missed.remote)
    returning change.record_id
),
updated as (
    insert into {schema}._trigger_log
        (txid, created_at, updated_at, state, action, table_name, record_id, sfid, old, "values")
    select
        txid_current(), clock_timestamp(), clock_timestamp(), 'NEW', 'UPDATE', {name}, target.id, target.sfid,
        (({hstore}.hstore(target) operator({hstore}.-) '{_hc_lastop,_hc_err}'::text[])
            operator({hstore}.||) left_over.remote)::text,
        {hstore}.slice({hstore}.hstore(target), {hstore}.akeys(left_over.remote))::text
    from (
        select missed.record_id, missed.remote operator({hstore}.-) coalesce(unsent.names, '{}') as remote
        from missed
        left join unsent on unsent.record_id = missed.record_id
        where missed.remote is not null
    ) as left_over
    join {table} as target on target.id = left_over.record_id and target.sfid is not null
    where left_over.remote operator({hstore}.<>) ''
    returning record_id
),
inserted as (
    insert into {schema}._trigger_log
        (txid, created_at, updated_at, state, action, table_name, record_id, "values")
    select
        txid_current(), clock_timestamp(), clock_timestamp(), 'NEW', 'INSERT', {name}, target.id,
        ({hstore}.hstore(target) operator({hstore}.-) '{_hc_lastop,_hc_err}'::text[])::text
    from missed
    join {table} as target on target.id = missed.record_id and target.sfid is null
    left join unsent on unsent.record_id = missed.record_id
    where missed.remote is null and unsent.record_id is null
    returning record_id
)
select count(distinct captured.record_id)
from (
    select record_id from based
    union all
    select record_id from updated
    union all
    select record_id from inserted
) as captured
