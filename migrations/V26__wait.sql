-- How the application's session waits until its own changes have arrived in Salesforce.
--
-- The trigger on the log keeps the session's transactions in the session's setting `lockstep.own`: the latest first, at
-- most 64, and behind a `+` the oldest of more. Being a setting, it is undone with a transaction that is rolled back,
-- costs no table, and knows nothing of other sessions.

-- The application's roles may call what is made for them here. The tables stay closed to them.
grant usage on schema lockstep to public;

-- The mapping schema of this database.
create function lockstep.mapped_schema() returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select connection.schema_name
    from lockstep.connection as connection
    order by connection.updated_at desc
    limit 1
$$;

-- Nothing can be heard while a statement runs, so this looks again and again, less and less often. Each look reads only
-- the log rows between the first and the last of the session's.
create function lockstep.wait(patience interval, transaction_id bigint default null) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    until constant timestamptz := clock_timestamp() + patience;
    namespace constant text := lockstep.mapped_schema();
    remembered constant text := coalesce(current_setting('lockstep.own', true), '');
    transactions constant bigint[] := case
        when transaction_id is null then string_to_array(nullif(split_part(remembered, '+', 1), ''), ',')::bigint[]
        else array[transaction_id]
    end;
    -- Where the session made more transactions than it remembers: everybody's changes from this one on.
    since constant bigint := case
        when transaction_id is null then nullif(split_part(remembered, '+', 2), '')::bigint
    end;
    first_id integer;
    last_id integer;
    is_on_its_way boolean;
    refused text;
    refused_count bigint;
    pause double precision := 0.005;
begin
    if namespace is null then
        raise exception 'no mapping is provisioned in this database' using errcode = 'undefined_table';
    end if;
    if transactions is null then
        return true;
    end if;
    if txid_current_if_assigned() = any(transactions) then
        raise exception 'this transaction waits for its own changes, which nobody sees before it commits'
            using errcode = 'active_sql_transaction', hint = 'commit, then call lockstep.wait()';
    end if;
    if current_setting('transaction_isolation') in ('repeatable read', 'serializable') then
        raise exception 'a % transaction does not see what happens while it waits',
            current_setting('transaction_isolation')
            using errcode = 'feature_not_supported', hint = 'call lockstep.wait() under read committed';
    end if;
    while transaction_id is not null and txid_status(transaction_id) = 'in progress' loop
        if clock_timestamp() >= until then
            return false;
        end if;
        perform pg_sleep(0.02);
    end loop;
    if txid_status(transaction_id) = 'aborted' then
        raise exception 'transaction % was rolled back, so that nothing of it will arrive', transaction_id
            using errcode = 'object_not_in_prerequisite_state';
    end if;

    execute format(
        $bounds$select min(change.id), max(change.id)
        from %I._trigger_log as change
        where change.state in ('NEW', 'PENDING', 'FAILED') and (change.txid = any($1) or change.txid >= $2)$bounds$,
        namespace
    ) into first_id, last_id using transactions, since;
    loop
        execute format(
            $look$select exists (
                select
                from %1$I._trigger_log as change
                where change.id between $1 and $2
                  and change.state in ('NEW', 'PENDING')
                  and (change.txid = any($3) or change.txid >= $4)
            )$look$,
            namespace
        ) into is_on_its_way using first_id, last_id, transactions, since;
        exit when not is_on_its_way;
        if clock_timestamp() >= until then
            return false;
        end if;
        perform pg_sleep(least(pause, extract(epoch from until - clock_timestamp())));
        pause := least(pause * 1.5, 0.1);
    end loop;

    execute format(
        $refused$select count(*), string_agg(refusal.name, ', ') filter (where refusal.number <= 5)
        from (
            select
                change.table_name || ' ' || change.record_id as name,
                row_number() over (order by min(change.id)) as number
            from %I._trigger_log as change
            where change.id between $1 and $2 and change.state = 'FAILED' and change.txid = any($3)
            group by change.table_name, change.record_id
        ) as refusal$refused$,
        namespace
    ) into refused_count, refused using first_id, last_id, transactions;
    -- What is told once is not told again with the session's next changes.
    if transaction_id is null then
        perform set_config('lockstep.own', '', false);
    end if;
    if refused_count > 0 then
        raise warning 'the changes of % row(s) were refused and are parked: %', refused_count,
            refused || case when refused_count > 5 then ', …' else '' end
            using hint = 'see lockstep errors, or _hc_err of the rows';
        return null;
    end if;
    return true;
end
$$;

comment on function lockstep.wait(interval, bigint) is
    'Waits until what this session has changed and committed since it last waited has arrived in Salesforce: true; false '
    'when that takes longer; null, with a warning that names the rows, when some of it was refused. Behind a pooler that '
    'hands out sessions by transaction, give the txid_current() of the transaction in question.';

-- Holding the lock tells the worker that somebody listens.
create function lockstep.listen() returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    channel constant text := lockstep.mapped_schema() || '.lockstep_outcome';
begin
    if channel is null then
        raise exception 'no mapping is provisioned in this database' using errcode = 'undefined_table';
    end if;
    execute format('listen %I', channel);
    perform pg_advisory_lock_shared(1819042867, hashtext(channel));
    return channel;
end
$$;

comment on function lockstep.listen() is
    'From now on this session is notified, on the channel that is answered, each time the worker has written outcomes '
    'down; select lockstep.wait(''0'') then tells whether its own changes are among them. Ends with the session.';
