-- Move rows of tables $1 that need no sending to the archive.
-- Guarantee: a deletion stays while its record has unsent changes, since it cancels them out or follows them.
with done as (
    delete from {schema}._trigger_log as change
    where change.table_name = any($1)
      and (
          change.state = 'READONLY'
          or (change.state = 'IGNORE' and change.action <> 'DELETE')
          or (
              change.state = 'IGNORE'
              and not exists (
                  select
                  from {schema}._trigger_log as unsent
                  where unsent.record_id = change.record_id
                    and unsent.table_name = change.table_name
                    and unsent.state in ('NEW', 'PENDING', 'FAILED')
              )
          )
      )
    returning id, txid, created_at, state, action, table_name, record_id, sfid, old, "values", sf_result, sf_message
)
insert into {schema}._trigger_log_archive
    (id, txid, created_at, updated_at, processed_at, processed_tx, state, action, table_name, record_id, sfid,
     old, "values", sf_result, sf_message)
select
    id, txid, created_at, clock_timestamp(), clock_timestamp(), txid_current(),
    case state when 'READONLY' then 'READONLY' else 'IGNORED' end,
    action, table_name, record_id, sfid, old, "values", sf_result, sf_message
from done
