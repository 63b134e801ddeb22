-- Forget the stamps of rows that are later than those of their records $1, which are $2, unless they are later than $3.
update {table} as target
set systemmodstamp = null
from unnest($1::text[], $2::timestamptz[]) as record (sfid, stamp)
where target.sfid = record.sfid
  and target.systemmodstamp > record.stamp
  and target.systemmodstamp <= $3
