-- Leave records of table $1 that the application deleted to the push, which has yet to say so to Salesforce.
delete from pg_temp.lockstep_page as page
where exists (
    select
    from {schema}._trigger_log as change
    where change.sfid = page.sfid
      and change.table_name = $1
      and change.action = 'DELETE'
      and change.state in ('NEW', 'PENDING', 'FAILED')
)
