-- Every conflict with its values and its decision. The only table of the control schema that holds cell values
-- beside the journal.

create table lockstep.conflict (
    id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    object text not null,
    table_name text not null,
    record_id integer not null,
    field text not null,
    base text,
    local text,
    remote text,
    policy text not null check (policy in ('salesforce_wins', 'postgres_wins', 'newest')),
    winner text not null check (winner in ('salesforce', 'postgres'))
);

create index conflict_at on lockstep.conflict (at);
