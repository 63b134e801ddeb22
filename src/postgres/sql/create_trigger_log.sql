-- The trigger log. Guarantee: the fifteen columns of Heroku Connect, in their order, types, defaults and index names.
-- The last two indexes are ours: they find the unsent changes of a record.
create table if not exists {schema}._trigger_log (
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
create index if not exists _trigger_log_idx_created_at on {schema}._trigger_log (created_at);
create index if not exists _trigger_log_idx_state_id on {schema}._trigger_log (state, id);
create index if not exists _trigger_log_idx_state_table_name on {schema}._trigger_log (state, table_name)
    where state in ('NEW', 'PENDING');
create index if not exists _trigger_log_idx_record_id on {schema}._trigger_log (record_id, table_name);
create index if not exists _trigger_log_idx_deleted_sfid on {schema}._trigger_log (sfid, table_name)
    where action = 'DELETE';
