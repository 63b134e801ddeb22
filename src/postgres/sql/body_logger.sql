
-- Captures a change of the application, in its own transaction.
--
-- Row by row: the form that also sees partitions written to directly and what logical replication applies. Cheap by what
-- it leaves out: it has no `set` clauses, whose entering costs more than the log row, so every name and operator is
-- qualified against a caller's search_path; and no exception block, which would cost a subtransaction per row. Names no
-- column of the application's, so that dropping one cannot break its writes. The table's name is written here, since
-- a partition would tell its own and a renamed table another.
declare
    excluded constant pg_catalog.text[] := '{_hc_lastop,_hc_err}';
    style constant pg_catalog.text := pg_catalog.current_setting('datestyle');
    zone constant pg_catalog.text := pg_catalog.current_setting('timezone');
    digits constant pg_catalog.text := pg_catalog.current_setting('extra_float_digits');
    -- The session may print dates, moments and numbers in its own way; the log has one form.
    is_other_form constant pg_catalog.bool := zone operator(pg_catalog.<>) 'UTC'
        or style operator(pg_catalog.!~~) 'ISO%'
        or (digits operator(pg_catalog.<>) '1' and digits operator(pg_catalog.<>) '3');
    action pg_catalog.text := tg_op;
    before {hstore}.hstore;
    after {hstore}.hstore;
    changed pg_catalog.text;
    sfid_before pg_catalog.text;
    moved record;
    is_latest pg_catalog.bool;
begin
    -- A write is ours only with all three marks; everything else is captured.
    if pg_catalog.current_setting('xmlbinary') operator(pg_catalog.=) 'hex'
        and pg_catalog.pg_trigger_depth() operator(pg_catalog.=) 1
        and lockstep.own_write()
    then
        return null;
    end if;
    if is_other_form then
        perform pg_catalog.set_config('datestyle', 'ISO, YMD', true),
            pg_catalog.set_config('timezone', 'UTC', true),
            pg_catalog.set_config('extra_float_digits', '1', true);
    end if;
    if action operator(pg_catalog.<>) 'INSERT' then
        before := {hstore}.hstore(old) operator({hstore}.-) excluded;
        sfid_before := old.sfid;
    end if;
    if action operator(pg_catalog.<>) 'DELETE' then
        after := {hstore}.hstore(new) operator({hstore}.-) excluded;
        if {is_partitioned} and action operator(pg_catalog.=) 'INSERT' then
            -- A row that changes its partition is deleted here and inserted there: one update of one record.
            select last.id, last.action, last.old, last.sfid into moved
            from {schema}._trigger_log as last
            where last.record_id operator(pg_catalog.=) new.id
              and last.table_name operator(pg_catalog.=) {table}
              and last.txid operator(pg_catalog.=) pg_catalog.txid_current()
            order by last.id desc
            limit 1;
            if moved.action operator(pg_catalog.=) 'DELETE' then
                delete from {schema}._trigger_log as last where last.id operator(pg_catalog.=) moved.id;
                action := 'UPDATE';
                before := moved.old::{hstore}.hstore;
                sfid_before := moved.sfid;
            end if;
        end if;
        changed := after operator({hstore}.-) coalesce(before, '');
    end if;
    insert into {schema}._trigger_log
        (txid, created_at, updated_at, state, action, table_name, record_id, sfid, old, "values")
    values (
        pg_catalog.txid_current(), pg_catalog.clock_timestamp(), null,
        case
            when {update_state} operator(pg_catalog.<>) 'NEW' then {update_state}
            when action operator(pg_catalog.=) 'UPDATE' and changed operator(pg_catalog.=) '' then 'IGNORE'
            when action operator(pg_catalog.=) 'DELETE' and sfid_before is null then 'IGNORE'
            else 'NEW'
        end,
        action, {table}, case when action operator(pg_catalog.=) 'DELETE' then old.id else new.id end, sfid_before,
        before, changed
    );
    -- The application's own triggers may change a row again before this one is told of its first change.
    if pg_catalog.pg_trigger_depth() operator(pg_catalog.>) 1 then
        perform pg_catalog.set_config('lockstep.nested', pg_catalog.txid_current()::pg_catalog.text, true);
    end if;
    if after is not null
        and pg_catalog.current_setting('lockstep.nested', true)
            operator(pg_catalog.=) pg_catalog.txid_current()::pg_catalog.text
    then
        -- By its number, since a table that is renamed must go on taking writes.
        execute pg_catalog.format(
            'select exists (select from %s as now where now.id operator(pg_catalog.=) $1 '
            'and {hstore}.hstore(now) operator({hstore}.-) $2 operator({hstore}.=) $3)',
            tg_relid::pg_catalog.regclass
        )
        into is_latest
        using new.id, excluded, after;
        if not is_latest then
            update {schema}._trigger_log as later
            set id = renumbered.id
            from (
                select
                    ordered.id as id_before,
                    pg_catalog.nextval({sequence}::pg_catalog.regclass)::pg_catalog.int4 as id
                from (
                    select nested.id
                    from {schema}._trigger_log as nested
                    where nested.record_id operator(pg_catalog.=) new.id
                      and nested.table_name operator(pg_catalog.=) {table}
                      and nested.txid operator(pg_catalog.=) pg_catalog.txid_current()
                      and nested.id operator(pg_catalog.>=) (
                          select pg_catalog.max(first.id)
                          from {schema}._trigger_log as first
                          where first.record_id operator(pg_catalog.=) new.id
                            and first.table_name operator(pg_catalog.=) {table}
                            and first.txid operator(pg_catalog.=) pg_catalog.txid_current()
                            and first.old operator(pg_catalog.=) after::pg_catalog.text
                      )
                      and nested.id operator(pg_catalog.<>) pg_catalog.currval({sequence}::pg_catalog.regclass)
                    order by nested.id
                ) as ordered
            ) as renumbered
            where later.id operator(pg_catalog.=) renumbered.id_before;
        end if;
    end if;
    if is_other_form then
        perform pg_catalog.set_config('datestyle', style, true),
            pg_catalog.set_config('timezone', zone, true),
            pg_catalog.set_config('extra_float_digits', digits, true);
    end if;
    return null;
end
