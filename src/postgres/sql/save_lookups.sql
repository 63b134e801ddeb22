-- The lookups of table $1 are those of $2, and no others. Guarantee: what is the same is not written.
with wanted as (
    select lookup.column_name, lookup.objects, lookup.ref_column, lookup.parent_table, lookup.match_column
    from jsonb_to_recordset($2) as lookup
        (column_name text, objects text[], ref_column text, parent_table text, match_column text)
),
gone as (
    delete from lockstep.lookup as lookup
    where lookup.table_name = $1
      and lookup.column_name not in (select wanted.column_name from wanted)
)
insert into lockstep.lookup as lookup (table_name, column_name, objects, ref_column, parent_table, match_column)
select $1, wanted.column_name, wanted.objects, wanted.ref_column, wanted.parent_table, wanted.match_column
from wanted
on conflict (table_name, column_name) do update
set objects = excluded.objects,
    ref_column = excluded.ref_column,
    parent_table = excluded.parent_table,
    match_column = excluded.match_column
where (lookup.objects, lookup.ref_column, lookup.parent_table, lookup.match_column)
    is distinct from (excluded.objects, excluded.ref_column, excluded.parent_table, excluded.match_column)
