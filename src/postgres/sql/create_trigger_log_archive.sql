-- Where processed rows of the trigger log go. Guarantee: same columns, no defaults, Heroku Connect's index names.
-- What is pruned is cleared away early, so that the archive stays as large as what it keeps.
-- The last index is ours: it finds the rows that an operator asked to have sent again.
create table if not exists {schema}._trigger_log_archive (
    id integer primary key,
    txid bigint,
    created_at timestamptz,
    updated_at timestamptz,
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
) with (autovacuum_vacuum_scale_factor = 0.02);
create index if not exists _trigger_log_archive_idx_created_at on {schema}._trigger_log_archive (created_at);
create index if not exists _trigger_log_archive_idx_record_id on {schema}._trigger_log_archive (record_id);
create index if not exists _trigger_log_archive_idx_state_table_name on {schema}._trigger_log_archive (state, table_name)
    where state = 'FAILED';
create index if not exists _trigger_log_archive_idx_requeue on {schema}._trigger_log_archive (id)
    where state = 'REQUEUE';
