-- What the application changed in the rows of table $1 since their changes were claimed.
create temp table lockstep_newer on commit drop as
select change.record_id, array_remove(array_agg(distinct cell.key), null) as columns
from pg_temp.lockstep_recorded as outcome
join {schema}._trigger_log as change
    on change.record_id = outcome.record_id
    and change.table_name = $1
    and change.state in ('NEW', 'PENDING', 'FAILED')
    and change.id <> all(outcome.log_ids)
left join lateral {hstore}.skeys(change."values"::{hstore}.hstore) as cell (key) on true
group by change.record_id;
create index on pg_temp.lockstep_newer (record_id);
