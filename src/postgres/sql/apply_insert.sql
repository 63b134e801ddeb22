-- Add rows for records of table $1 that have none. Guarantee: a record that comes back after a deletion gets its old
-- id ({restores} of the two forms of this statement, or the only one); a record read before its deletion does not come
-- back, and neither does one that the application deleted for itself only.
insert into {table} ({id_column}sfid, _hc_lastop{system_columns}{columns}) {overriding}
select {id_value}page.sfid, 'SYNCED'{system_values}{values}
from pg_temp.lockstep_page as page
left join pg_temp.lockstep_match as match on match.sfid = page.sfid
left join lockstep.tombstone as tombstone on tombstone.table_name = $1 and tombstone.sfid = page.sfid
{parents}
where not page.is_deleted
  and not exists (select from {table} as target where target.sfid = page.sfid)
  and not exists (select from {table} as target where target.id = match.record_id)
  and (tombstone.systemmodstamp is null or page.systemmodstamp is null
      or page.systemmodstamp >= tombstone.systemmodstamp)
  and tombstone.cause is distinct from 'kept_away'
  and {is_form}
