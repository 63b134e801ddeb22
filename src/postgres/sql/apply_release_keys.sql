-- Rows of table $1 that hold a key which Salesforce has given to another record meanwhile lose it; their own new key
-- arrives with their own record. Answers how many records of the page have no row that is clearly theirs, and how many
-- of them are news.
--
-- A key stays where it is, and the record that wants it waits until it is free: where it belongs to unsent changes of
-- the application; and where taking it would be a guess, since the row has no record yet, or one that we have never
-- seen it equal to.
with rivals as (
    select
        page.sfid, page.{staged_key}::text as key, target.id, unsent.is_unsent,
        unsent.is_unsent or target.sfid is null or target._hc_lastop is null as is_kept
    from pg_temp.lockstep_page as page
    join {table} as target on target.{key} = page.{staged_key}
    left join pg_temp.lockstep_match as match on match.sfid = page.sfid
    cross join lateral (
        select exists (
            select
            from {schema}._trigger_log as change
            where change.record_id = target.id
              and change.table_name = $1
              and change.state in ('NEW', 'PENDING', 'FAILED')
        ) as is_unsent
    ) as unsent
    where not page.is_deleted
      and target.sfid is distinct from page.sfid
      and target.id is distinct from match.record_id
),
released as (
    update {table} as target
    set {key} = null
    from rivals
    where target.id = rivals.id and not rivals.is_kept
),
parked as (
    insert into lockstep.orphan as orphan
        (table_name, sfid, constraint_name, parent_table, awaited, is_ambiguous)
    select distinct on (rivals.sfid) $1, rivals.sfid, {key_name}, $1, array[rivals.key], not rivals.is_unsent
    from rivals
    where rivals.is_kept
    order by rivals.sfid, rivals.is_unsent
    on conflict (table_name, sfid) do update
    set constraint_name = excluded.constraint_name, parent_table = excluded.parent_table,
        awaited = excluded.awaited, is_ambiguous = excluded.is_ambiguous, is_released = false
    where (orphan.constraint_name, orphan.awaited, orphan.is_ambiguous, orphan.is_released)
        is distinct from (excluded.constraint_name, excluded.awaited, excluded.is_ambiguous, false)
    returning orphan.is_ambiguous
),
left_out as (
    delete from pg_temp.lockstep_page as page
    using rivals
    where page.sfid = rivals.sfid and rivals.is_kept
)
select
    (select count(distinct rivals.sfid) from rivals where rivals.is_kept and not rivals.is_unsent) as ambiguous,
    (select count(*) from parked where parked.is_ambiguous) as news
