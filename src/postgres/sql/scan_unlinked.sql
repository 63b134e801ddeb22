-- Rows of table {name} without record: those whose insert waits to be sent, and those that nothing will send.
insert into pg_temp.lockstep_found (record_id, kind)
select
    target.id,
    case
        when exists (
            select from {schema}._trigger_log as change
            where change.record_id = target.id
              and change.table_name = {name}
              and change.state in ('NEW', 'PENDING', 'FAILED')
        ) then 'waiting'
        else 'unlinked'
    end
from {table} as target
where target.sfid is null
