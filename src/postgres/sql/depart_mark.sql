-- Mark the rows whose records are deleted in Salesforce, where the mapping keeps them: of the records $1 with stamps $2.
update {table} as target
set isdeleted = true{stamp_assignment}
from unnest($1, $2) as page (sfid, systemmodstamp)
where target.sfid = page.sfid
  and target.isdeleted is distinct from true
  and {is_current}
