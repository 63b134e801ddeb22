-- The connection of this database to one Salesforce org, and its timeline.

create table lockstep.connection (
    schema_name text primary key,
    organization_id text,
    api_version text,
    state text not null default 'new'
        check (state in ('new', 'running', 'paused', 'stopped')),
    state_reason text,
    write_algorithm text not null default 'merged' check (write_algorithm in ('merged', 'ordered')),
    features jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table lockstep.event (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    kind text not null,
    object text,
    message text not null
);

create index event_at on lockstep.event (at);
