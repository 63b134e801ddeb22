-- TRUNCATE fires no row trigger, so its deletions could not be sent: it is refused on tables that are.

create function lockstep.refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'truncate of the mapped table %.% would not reach Salesforce', tg_table_schema, tg_table_name
        using errcode = 'feature_not_supported',
              hint = format(
                  'Use DELETE, whose rows are captured; or disable the trigger %I for this one statement, and reload the mapping afterwards.',
                  tg_name
              );
end
$$;
