-- Capture what triggers of the application's made of Salesforce's values in the rows of table $1 that this transaction
-- wrote: changes of the application's like any other, of the values that Salesforce holds.
insert into {schema}._trigger_log
    (txid, created_at, updated_at, state, action, table_name, record_id, sfid, old, "values")
select
    txid_current(), clock_timestamp(), clock_timestamp(), 'NEW', 'UPDATE', $1, target.id, target.sfid,
    (({hstore}.hstore(target) operator({hstore}.-) '{_hc_lastop,_hc_err}'::text[])
        operator({hstore}.||) rewritten.remote)::text,
    {hstore}.slice({hstore}.hstore(target), {hstore}.akeys(rewritten.remote))::text
from (
    select target.id, {hstore}.hstore(array_agg(cell.name), array_agg(cell.remote)) as remote
    from pg_temp.lockstep_page as page
    join {table} as target on target.sfid = page.sfid
    left join (
        select change.record_id, array_remove(array_agg(distinct cell.key), null) as columns
        from pg_temp.lockstep_match as changed
        join {schema}._trigger_log as change
            on change.record_id = changed.record_id
            and change.table_name = $1
            and change.state in ('NEW', 'PENDING', 'FAILED')
        left join lateral {hstore}.each(change."values"::{hstore}.hstore) as cell (key, value)
            on not (change.action = 'INSERT' and cell.value is null)
        group by change.record_id
    ) as unsent on unsent.record_id = target.id
    {parents}
    cross join lateral (values {cells}) as cell (name, is_rewritten, remote)
    where not page.is_deleted
      and target.xmin::text = (txid_current() % 4294967296)::text
      and cell.is_rewritten
    group by target.id
) as rewritten
join {table} as target on target.id = rewritten.id
