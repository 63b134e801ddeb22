-- Clear the key of rows of table $1 that hold one which Salesforce has given to another record meanwhile; their own
-- new key arrives with their own record. A key that the application changed stays.
update {table} as target
set {key} = null
from pg_temp.lockstep_page as page
where target.{key} = page.{staged_key}
  and not page.is_deleted
  and target.sfid <> page.sfid
  and not exists (
      select
      from {schema}._trigger_log as change
      where change.record_id = target.id
        and change.table_name = $1
        and change.state in ('NEW', 'PENDING', 'FAILED')
  )
