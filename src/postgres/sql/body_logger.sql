-- Captures a change of the application, in its own transaction.
--
-- Row by row: the form that also sees partitions written to directly and what logical replication applies. Cheap by what
-- it leaves out: it has no `set` clauses, whose entering costs more than the log row, so every name and operator is
-- qualified against a caller's search_path; and no exception block, which would cost a subtransaction per row. Names no
-- column of the application's, so that dropping one cannot break its writes. The table's name is written here, since
-- a partition would tell its own and a renamed table another.
--
-- A transaction of one row makes each expression ready anew, so that few and short ones are what is cheap; and an
-- assignment is cheaper than a `perform`, which is a whole query.
--
-- Also remembers the transaction in the session's setting `lockstep.own`, for lockstep.wait(): the latest first, at most
-- 360 characters of them, and behind a `+` the oldest of more. Transactions are numbered upwards, so that a setting which
-- begins with this one's number is its own.
--
-- And it announces the change, if a worker waits for an announcement. A notification takes a lock of the whole server at
-- commit, so that a busy application would commit one transaction after the other. A worker with nothing left to do
-- therefore holds the lock of its tables alone. Whoever can share the lock goes unannounced: it holds it to its end, and
-- until then no worker comes to rest.
declare
    action pg_catalog.text := tg_op;
    mine pg_catalog.text;
    own pg_catalog.text;
    before {hstore}.hstore;
    changed {hstore}.hstore;
    sfid_before pg_catalog.text;
    known pg_catalog.text[];
    -- The session's own forms, where they are others than the log's.
    style pg_catalog.text;
    zone pg_catalog.text;
    digits pg_catalog.text;
    put_aside pg_catalog.text;
    after {hstore}.hstore;
    moved record;
    is_latest pg_catalog.bool;
    later_from pg_catalog.int4;
begin
    -- A write is ours only with all three marks; everything else is captured. A deletion that a foreign key cascades from
    -- ours ends here at the same depth, so that it is ours only if we say so. What a foreign key sets to null, Salesforce
    -- clears itself.
    if pg_catalog.current_setting('xmlbinary') operator(pg_catalog.=) 'hex'
        and pg_catalog.pg_trigger_depth() operator(pg_catalog.=) 1
        and lockstep.own_write()
        and (
            {is_partitioned} or action operator(pg_catalog.<>) 'DELETE' or lockstep.own_removal({table}, old.sfid)
        )
    then
        return null;
    end if;
    mine := pg_catalog.txid_current();
    -- The session may print dates, moments and numbers in its own way; the log has one form. All digits are printed from
    -- 1 on. The zone matters only where a mapped column has one.
    if pg_catalog.current_setting('datestyle') operator(pg_catalog.!~~) 'ISO%'
        or pg_catalog.current_setting('extra_float_digits') operator(pg_catalog.<>) all ('{1,2,3}'::pg_catalog.text[])
        or ({is_zoned} and pg_catalog.current_setting('timezone')
            operator(pg_catalog.<>) all ('{UTC,Etc/UTC}'::pg_catalog.text[]))
    then
        style := pg_catalog.current_setting('datestyle');
        zone := pg_catalog.current_setting('timezone');
        digits := pg_catalog.current_setting('extra_float_digits');
        put_aside := pg_catalog.set_config('datestyle', 'ISO, YMD', true)
            operator(pg_catalog.||) pg_catalog.set_config('timezone', 'UTC', true)
            operator(pg_catalog.||) pg_catalog.set_config('extra_float_digits', '1', true);
    end if;
    if action operator(pg_catalog.<>) 'INSERT' then
        before := {hstore}.hstore(old) operator({hstore}.-) '{_hc_lastop,_hc_err}'::pg_catalog.text[];
        sfid_before := old.sfid;
    elsif {is_partitioned} then
        -- A row that changes its partition is deleted here and inserted there: one update of one record.
        select last.id, last.action, last.old, last.sfid into moved
        from {schema}._trigger_log as last
        where last.record_id operator(pg_catalog.=) new.id
          and last.table_name operator(pg_catalog.=) {table}
          and last.txid operator(pg_catalog.=) mine::pg_catalog.int8
        order by last.id desc
        limit 1;
        if moved.action operator(pg_catalog.=) 'DELETE' then
            delete from {schema}._trigger_log as last where last.id operator(pg_catalog.=) moved.id;
            action := 'UPDATE';
            before := moved.old::{hstore}.hstore;
            sfid_before := moved.sfid;
        end if;
    end if;
    if action operator(pg_catalog.=) 'UPDATE' then
        changed := {hstore}.hstore(new) operator({hstore}.-) before
            operator({hstore}.-) '{_hc_lastop,_hc_err}'::pg_catalog.text[];
    elsif action operator(pg_catalog.=) 'INSERT' then
        changed := {hstore}.hstore(new) operator({hstore}.-) '{_hc_lastop,_hc_err}'::pg_catalog.text[];
    end if;
    insert into {schema}._trigger_log
        (txid, created_at, updated_at, state, action, table_name, record_id, sfid, old, "values")
    values (
        mine::pg_catalog.int8, pg_catalog.clock_timestamp(), null,
        case
            when {update_state} operator(pg_catalog.<>) 'NEW' then {update_state}
            when action operator(pg_catalog.=) 'UPDATE' and changed operator({hstore}.=) '' then 'IGNORE'
            when action operator(pg_catalog.=) 'DELETE' and sfid_before is null then 'IGNORE'
            else 'NEW'
        end,
        action, {table}, case when action operator(pg_catalog.=) 'DELETE' then old.id else new.id end, sfid_before,
        before, changed
    );
    if not pg_catalog.pg_try_advisory_xact_lock_shared(1819042867, pg_catalog.hashtext({bell})) then
        perform pg_catalog.pg_notify({channel}, 'ping');
    end if;
    own := pg_catalog.current_setting('lockstep.own', true);
    if pg_catalog.starts_with(own, mine) is not true then
        if pg_catalog.length(own) operator(pg_catalog.>) 360 then
            known := pg_catalog.string_to_array(pg_catalog.split_part(own, '+', 1), ',');
            own := pg_catalog.array_to_string(known[1:24], ',') operator(pg_catalog.||) '+' operator(pg_catalog.||)
                case
                    when own operator(pg_catalog.~~) '%+%' then pg_catalog.split_part(own, '+', 2)
                    else known[pg_catalog.cardinality(known)]
                end;
        end if;
        own := pg_catalog.set_config(
            'lockstep.own',
            case when own operator(pg_catalog.<>) '' then mine operator(pg_catalog.||) ',' operator(pg_catalog.||) own
                else mine end,
            false
        );
    end if;
    -- The application's own triggers may change a row again before this one is told of its first change.
    if pg_catalog.pg_trigger_depth() operator(pg_catalog.>) 1 then
        put_aside := pg_catalog.set_config('lockstep.nested', mine, true);
    end if;
    if pg_catalog.current_setting('lockstep.nested', true) operator(pg_catalog.=) mine then
        if action operator(pg_catalog.<>) 'DELETE' then
            after := {hstore}.hstore(new) operator({hstore}.-) '{_hc_lastop,_hc_err}'::pg_catalog.text[];
        end if;
        -- By its number, since a table that is renamed must go on taking writes.
        execute pg_catalog.format(
            'select exists (select from %s as now where now.id operator(pg_catalog.=) $1 '
            'and ($3 is null or {hstore}.hstore(now) operator({hstore}.-) $2 operator({hstore}.=) $3))',
            tg_relid::pg_catalog.regclass
        )
        into is_latest
        using case when after is null then old.id else new.id end, '{_hc_lastop,_hc_err}'::pg_catalog.text[], after;
        if after is null and is_latest and not {is_partitioned} then
            -- The row is there again: a trigger of the application's put it back before this one was told that it went.
            select pg_catalog.max(again.id) into later_from
            from {schema}._trigger_log as again
            where again.record_id operator(pg_catalog.=) old.id
              and again.table_name operator(pg_catalog.=) {table}
              and again.txid operator(pg_catalog.=) mine::pg_catalog.int8
              and again.action operator(pg_catalog.=) 'INSERT';
        elsif after is not null and not is_latest then
            select pg_catalog.max(first.id) into later_from
            from {schema}._trigger_log as first
            where first.record_id operator(pg_catalog.=) new.id
              and first.table_name operator(pg_catalog.=) {table}
              and first.txid operator(pg_catalog.=) mine::pg_catalog.int8
              and first.old operator(pg_catalog.=) after::pg_catalog.text;
        end if;
        if later_from is not null then
            update {schema}._trigger_log as later
            set id = renumbered.id
            from (
                select
                    ordered.id as id_before,
                    pg_catalog.nextval({sequence}::pg_catalog.regclass)::pg_catalog.int4 as id
                from (
                    select nested.id
                    from {schema}._trigger_log as nested
                    where nested.record_id operator(pg_catalog.=)
                          case when after is null then old.id else new.id end
                      and nested.table_name operator(pg_catalog.=) {table}
                      and nested.txid operator(pg_catalog.=) mine::pg_catalog.int8
                      and nested.id operator(pg_catalog.>=) later_from
                      and nested.id operator(pg_catalog.<>) pg_catalog.currval({sequence}::pg_catalog.regclass)
                    order by nested.id
                ) as ordered
            ) as renumbered
            where later.id operator(pg_catalog.=) renumbered.id_before;
        end if;
    end if;
    if style is not null then
        put_aside := pg_catalog.set_config('datestyle', style, true)
            operator(pg_catalog.||) pg_catalog.set_config('timezone', zone, true)
            operator(pg_catalog.||) pg_catalog.set_config('extra_float_digits', digits, true);
    end if;
    return null;
end
