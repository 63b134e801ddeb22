-- Let records go on that wait for rows of {table}, which is table $1, and whose rows are in Salesforce by now, or gone, or
-- will not come: nothing of them is to be sent.
delete from lockstep.delivery as delivery
where delivery.parent_table = $1
  and not exists (
      select from {table} as parent
      where parent.id = delivery.parent_id
        and parent.sfid is null
        and exists (
            select from {schema}._trigger_log as change
            where change.record_id = parent.id
              and change.table_name = $1
              and change.state in ('NEW', 'PENDING', 'FAILED')
        )
  )
