-- lockstep.wait() waits for deletions that follow an insert which is under way, and tells of every refusal.
--
-- A row deleted while its insert is sent leaves a deletion that need not be sent as long as Salesforce does not know the
-- row; when the insert is accepted it must be. It has not arrived before that is decided.

create or replace function lockstep.wait(patience interval, transaction_id bigint default null) returns boolean
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
    -- Where the session made more transactions than it remembers: everybody's changes from this one on, refused ones too.
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
        where change.state in ('NEW', 'PENDING', 'FAILED', 'IGNORE')
          and (change.txid = any($1) or change.txid >= $2)$bounds$,
        namespace
    ) into first_id, last_id using transactions, since;
    loop
        execute format(
            $look$select exists (
                select
                from %1$I._trigger_log as change
                where change.id between $1 and $2
                  and (change.txid = any($3) or change.txid >= $4)
                  and (
                      change.state in ('NEW', 'PENDING')
                      or (
                          change.state = 'IGNORE'
                          and change.action = 'DELETE'
                          and exists (
                              select from %1$I._trigger_log as earlier
                              where earlier.record_id = change.record_id
                                and earlier.table_name = change.table_name
                                and earlier.state in ('NEW', 'PENDING')
                                and earlier.id < change.id
                          )
                      )
                  )
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
            where change.id between $1 and $2
              and change.state = 'FAILED'
              and (change.txid = any($3) or change.txid >= $4)
            group by change.table_name, change.record_id
        ) as refusal$refused$,
        namespace
    ) into refused_count, refused using first_id, last_id, transactions, since;
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
