-- What is about to be sent to Salesforce for a record, and how it ended.
--
-- An entry is committed before its request leaves and is kept for some days afterwards: a value found in
-- Salesforce that equals a journalled one is known to be ours.

create table lockstep.journal (
    id bigint generated always as identity primary key,
    table_name text not null,
    record_id integer not null,
    operation text not null check (operation in ('INSERT', 'UPDATE', 'DELETE')),
    sfid text,
    key text,
    "values" jsonb not null default '{}',
    log_ids integer[] not null default '{}',
    opened_at timestamptz not null default clock_timestamp(),
    closed_at timestamptz,
    outcome text check (outcome in ('accepted', 'refused', 'unknown')),
    message text,
    bulk_job text,
    check ((outcome is null) = (closed_at is null))
);

create index journal_record on lockstep.journal (table_name, record_id);
create index journal_open on lockstep.journal (table_name, id) where outcome is null;
create index journal_recent
    on lockstep.journal (table_name, (coalesce(closed_at, 'infinity'::timestamptz)));
create index journal_bulk_job on lockstep.journal (bulk_job) where bulk_job is not null;

create table lockstep.bulk_job (
    job_id text primary key,
    object text not null,
    operation text not null,
    state text not null check (state in ('open', 'uploaded', 'closing', 'closed', 'done', 'aborted')),
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp()
);

create index bulk_job_open on lockstep.bulk_job (object) where state not in ('done', 'aborted');
