-- Heroku Connect's log of streamed events. Guarantee: its columns and index names; nothing here writes it.
create table if not exists {schema}._sf_event_log (
    id serial primary key,
    table_name varchar(128),
    action varchar(7),
    synced_at timestamptz default now(),
    sf_timestamp timestamptz,
    sfid varchar(20),
    record text,
    processed boolean
);
create index if not exists idx__sf_event_log_comp_key on {schema}._sf_event_log (table_name, synced_at);
create index if not exists idx__sf_event_log_sfid on {schema}._sf_event_log (sfid);
