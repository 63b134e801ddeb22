
-- Captures the named columns of an existing row, or all, as if they had just been changed.
-- Returns the log row's id, or null for a row without id.
declare
    captured integer;
begin
    if source_row operator({hstore}.->) 'id' is null then
        return null;
    end if;
    insert into {schema}._trigger_log (txid, created_at, state, action, table_name, record_id, sfid, "values")
    values (
        txid_current(), clock_timestamp(), 'NEW', 'UPDATE', hc_capture_update_from_row.table_name,
        (source_row operator({hstore}.->) 'id')::integer,
        source_row operator({hstore}.->) 'sfid',
        (case when cardinality(columns_to_include) > 0
            then {hstore}.slice(source_row, columns_to_include)
            else source_row
        end operator({hstore}.-) '{_hc_lastop,_hc_err}'::text[])::text
    )
    returning id into captured;
    return captured;
end
