-- The scan of the whole object against the whole table {name}: records without row, rows without record, and rows with
-- another stamp.
--
-- Guarantee: neither is judged where it changed after the scan began, nor where a change of ours is unsent or was on
-- its way since: the poll and the push see to those. Unsent ones are listed as waiting.
insert into pg_temp.lockstep_found (sfid, record_id, kind)
select found.sfid, found.record_id, case when found.is_unsent then 'waiting' else found.kind end
from (
    select
        differs.sfid,
        differs.record_id,
        differs.kind,
        exists (
            select from {schema}._trigger_log as change
            where change.record_id = differs.record_id
              and change.table_name = {name}
              and change.state in ('NEW', 'PENDING', 'FAILED')
        ) or exists (
            select from {schema}._trigger_log as change
            where change.sfid = differs.sfid
              and change.table_name = {name}
              and change.action = 'DELETE'
              and change.state in ('NEW', 'PENDING', 'FAILED')
        ) as is_unsent
    from (
        select
            coalesce(scan.sfid, target.sfid)::text as sfid,
            target.id as record_id,
            case
                when target.id is null then 'missing'
                when scan.sfid is null then 'extra'
                else 'stale'
            end as kind
        from pg_temp.lockstep_scan as scan
        full join {table} as target on target.sfid = scan.sfid
        where (scan.sfid is not null or target.sfid is not null)
          and (scan.sfid is null or target.sfid is null{stamp_differs})
          {settled}
    ) as differs
) as found
where not exists (
    select from lockstep.journal as journal
    where journal.table_name = {name}
      and journal.outcome is distinct from 'refused'
      and coalesce(journal.closed_at, 'infinity'::timestamptz) >= {read_started}
      and (journal.record_id = found.record_id or journal.sfid = found.sfid)
)
and not (found.kind = 'extra' and {keeps_extra})
and not (found.kind = 'missing' and {keeps_missing} and exists (
    select from {schema}._trigger_log_archive as change
    where change.sfid = found.sfid
      and change.table_name = {name}
      and change.action = 'DELETE'
))
