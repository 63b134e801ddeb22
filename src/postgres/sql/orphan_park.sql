-- Records of table $1 whose row would break the foreign key $2 wait for their parent in table $3.
with stranded as (
    select page.sfid, array[{awaited}] as awaited
    from pg_temp.lockstep_page as page
    where not page.is_deleted
      and {is_set}
      and not exists (select from {parent} as parent where {is_parent})
      {not_in_page}
),
parked as (
    insert into lockstep.orphan as orphan (table_name, sfid, constraint_name, parent_table, awaited)
    select $1, stranded.sfid, $2, $3, stranded.awaited
    from stranded
    on conflict (table_name, sfid) do update
    set constraint_name = excluded.constraint_name, parent_table = excluded.parent_table,
        awaited = excluded.awaited, is_ambiguous = false, is_released = false
    where (orphan.constraint_name, orphan.awaited, orphan.is_released)
        is distinct from (excluded.constraint_name, excluded.awaited, false)
)
delete from pg_temp.lockstep_page as page
using stranded
where stranded.sfid = page.sfid
