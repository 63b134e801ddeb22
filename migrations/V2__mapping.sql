-- The mappings as last applied, and where each of them stands.

create table lockstep.mapping (
    object text primary key,
    table_name text not null unique,
    direction text not null check (direction in ('from_salesforce', 'to_salesforce', 'both')),
    settings jsonb not null,
    revision integer not null default 1,
    state text not null default 'new'
        check (state in ('new', 'loading', 'synced', 'paused', 'failed')),
    state_reason text,
    last_poll timestamptz,
    applied_at timestamptz not null default now()
);
