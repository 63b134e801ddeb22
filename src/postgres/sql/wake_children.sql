-- Let records go on that wait for rows of {table}, which is table $1, and whose rows are in Salesforce by now, or gone.
delete from lockstep.delivery as delivery
where delivery.parent_table = $1
  and not exists (
      select from {table} as parent
      where parent.id = delivery.parent_id
        and parent.sfid is null
  )
