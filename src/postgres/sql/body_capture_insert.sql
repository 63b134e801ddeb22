
-- Captures an existing row as if it had just been inserted. Returns the log row's id, or null for a row without id.
declare
    captured integer;
begin
    if source_row operator({hstore}.->) 'id' is null then
        return null;
    end if;
    insert into {schema}._trigger_log (txid, created_at, state, action, table_name, record_id, "values")
    values (
        txid_current(), clock_timestamp(), 'NEW', 'INSERT', hc_capture_insert_from_row.table_name,
        (source_row operator({hstore}.->) 'id')::integer,
        (source_row operator({hstore}.-)
            (array_remove(array_remove(excluded_cols, 'id'), 'sfid') || '{_hc_lastop,_hc_err}'::text[]))::text
    )
    returning id into captured;
    return captured;
end
