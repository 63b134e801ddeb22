-- What was found, kind by kind and in the order of ids, at most $1 of each. A row that was found twice, by its stamp
-- and by its values, comes once.
select found.kind, found.sfid, found.record_id, found.detail
from (
    select
        once.kind, once.sfid, once.record_id, once.detail,
        row_number() over (partition by once.kind order by once.sfid, once.record_id) as place
    from (
        select distinct on (coalesce(each.sfid, each.record_id::text))
            each.kind, each.sfid, each.record_id, each.detail
        from pg_temp.lockstep_found as each
        order by coalesce(each.sfid, each.record_id::text), each.detail desc
    ) as once
) as found
where found.place <= $1
order by found.kind, found.place
