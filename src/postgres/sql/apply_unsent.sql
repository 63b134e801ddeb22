-- The columns that the application changed and Salesforce has not seen yet, per row of the page of table $1.
--
-- A column that an insert left null is no change: it is not sent.
create temp table lockstep_unsent on commit drop as
select change.record_id, array_remove(array_agg(distinct cell.key), null) as columns
from pg_temp.lockstep_match as match
join {schema}._trigger_log as change
    on change.record_id = match.record_id
    and change.table_name = $1
    and change.state in ('NEW', 'PENDING', 'FAILED')
left join lateral {hstore}.each(change."values"::{hstore}.hstore) as cell (key, value)
    on not (change.action = 'INSERT' and cell.value is null)
group by change.record_id
