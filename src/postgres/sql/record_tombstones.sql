-- Remember records of table $1 that were deleted for the application, for their ids; and those that the application
-- deleted for itself only, which are kept away.
insert into lockstep.tombstone (table_name, sfid, record_id, cause)
select distinct on (known.sfid)
    $1, known.sfid, outcome.record_id, case outcome.kind when 'accepted' then 'deleted' else 'kept_away' end
from pg_temp.lockstep_recorded as outcome
join lateral (
    select coalesce(outcome.sfid, max(change.sfid)) as sfid
    from {schema}._trigger_log as change
    where change.id = any(outcome.log_ids)
) as known on known.sfid is not null
where (outcome.kind = 'accepted' and outcome.lastop = 'DELETED')
   or (outcome.kind = 'settled' and outcome.lastop = 'KEPT_AWAY')
on conflict (table_name, sfid) do update
set record_id = excluded.record_id, systemmodstamp = null, deleted_at = excluded.deleted_at,
    cause = excluded.cause, master_sfid = null
