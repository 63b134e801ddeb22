-- What Heroku Connect puts on a mapped table, as its users' dumps show it, in our own words: a mark asked for by a scan of
-- pg_settings, whole rows as hstore, and a notification for each captured row.
create table heroku._trigger_log (
    id serial primary key,
    txid bigint,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    processed_at timestamptz,
    processed_tx bigint,
    state varchar(8),
    action varchar(7),
    table_name varchar(128),
    record_id integer,
    sfid varchar(18),
    old text,
    "values" text,
    sf_result integer,
    sf_message text
);
create index _trigger_log_idx_created_at on heroku._trigger_log (created_at);
create index _trigger_log_idx_state_id on heroku._trigger_log (state, id);
create index _trigger_log_idx_state_table_name on heroku._trigger_log (state, table_name)
    where state in ('NEW', 'PENDING');

create function heroku.get_xmlbinary() returns varchar language plpgsql as $$
declare
    mark varchar;
begin
    select setting into mark from pg_settings where name = 'xmlbinary';
    return mark;
end
$$;

create function heroku.tlog_notify_trigger() returns trigger language plpgsql as $$
begin
    perform pg_notify('heroku.hc_trigger_log', 'ping');
    return new;
end
$$;

create function heroku.hc_account_status() returns trigger language plpgsql as $$
begin
    if heroku.get_xmlbinary() = 'base64' then
        new._hc_lastop := 'PENDING';
        new._hc_err := null;
    elsif tg_op = 'UPDATE' and new._hc_lastop is not null and new._hc_lastop <> old._hc_lastop then
        return new;
    else
        new._hc_lastop := 'SYNCED';
        new._hc_err := null;
    end if;
    return new;
end
$$;

create function heroku.hc_account_logger() returns trigger language plpgsql as $$
declare
    entry heroku._trigger_log;
    hidden constant text[] := array['_hc_lastop', '_hc_err'];
    is_unchanged boolean := false;
begin
    entry.id := nextval('heroku._trigger_log_id_seq');
    entry.action := tg_op;
    entry.table_name := tg_table_name;
    entry.txid := txid_current();
    entry.created_at := clock_timestamp();
    entry.state := 'NEW';
    if tg_op = 'INSERT' then
        entry.record_id := new.id;
        entry."values" := hstore(new.*) - hidden;
    elsif tg_op = 'UPDATE' then
        entry.record_id := new.id;
        entry.old := hstore(old.*) - hidden;
        entry."values" := (hstore(new.*) - hidden) - (hstore(old.*) - hidden);
        is_unchanged := entry."values" = '';
    else
        entry.record_id := old.id;
        entry.old := hstore(old.*) - hidden;
        is_unchanged := old.sfid is null;
    end if;
    if tg_op <> 'INSERT' and old.sfid is not null then
        entry.sfid := old.sfid;
    end if;
    if is_unchanged then
        entry.state := 'IGNORE';
    end if;
    insert into heroku._trigger_log values (entry.*);
    return null;
end
$$;

create trigger hc_account_status_trigger before insert or update on heroku.account
    for each row execute function heroku.hc_account_status();
create trigger hc_account_logtrigger after insert or delete or update on heroku.account
    for each row when (heroku.get_xmlbinary() = 'base64') execute function heroku.hc_account_logger();
create trigger tlog_insert_trigger after insert on heroku._trigger_log
    for each row execute function heroku.tlog_notify_trigger();
