-- The connection of this database to one Salesforce org, and its timeline.

create table lockstep.connection (
    schema_name text primary key,
    organization_id text,
    api_version text,
    api_used bigint check (api_used >= 0),
    api_limit bigint check (api_limit >= 0),
    api_noted_at timestamptz,
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
