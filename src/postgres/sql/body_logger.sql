
-- Captures a change of the application, in its own transaction.
--
-- Names no column of the application's, so that dropping one cannot break its writes, and has no exception block,
-- which would cost a subtransaction per row. A write is ours only with all three marks; everything else is captured.
declare
    excluded constant text[] := '{_hc_lastop,_hc_err}';
    before {hstore}.hstore;
    changed {hstore}.hstore;
begin
    if current_setting('xmlbinary') = 'hex' and pg_trigger_depth() = 1 and lockstep.own_write() then
        return null;
    end if;
    if tg_op = 'UPDATE' then
        before := {hstore}.hstore(old) operator({hstore}.-) excluded;
        changed := {hstore}.hstore(new) operator({hstore}.-) excluded operator({hstore}.-) before;
        insert into {schema}._trigger_log
            (txid, created_at, updated_at, state, action, table_name, record_id, sfid, old, "values")
        values
            (txid_current(), clock_timestamp(), null,
             case when {update_state} = 'NEW' and changed::text = '' then 'IGNORE' else {update_state} end,
             tg_op, tg_table_name, new.id, old.sfid, before::text, changed::text);
    elsif tg_op = 'INSERT' then
        insert into {schema}._trigger_log
            (txid, created_at, updated_at, state, action, table_name, record_id, "values")
        values
            (txid_current(), clock_timestamp(), null, {update_state}, tg_op, tg_table_name, new.id,
             ({hstore}.hstore(new) operator({hstore}.-) excluded)::text);
    else
        insert into {schema}._trigger_log
            (txid, created_at, updated_at, state, action, table_name, record_id, sfid, old)
        values
            (txid_current(), clock_timestamp(), null,
             case when {update_state} = 'NEW' and old.sfid is null then 'IGNORE' else {update_state} end,
             tg_op, tg_table_name, old.id, old.sfid,
             ({hstore}.hstore(old) operator({hstore}.-) excluded)::text);
    end if;
    return null;
end
