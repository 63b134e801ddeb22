-- Sweeps: when each object is compared with its table next, how far the comparison under way has come, what it found,
-- and what it ended with.

create table lockstep.sweep (
    object text primary key,
    -- When the object was first considered; the first sweep by schedule counts from here.
    known_at timestamptz not null default clock_timestamp(),
    -- Asked for, beside the schedule, and why; `is_first` holds the mapping's pushes back until it is done.
    wanted_at timestamptz,
    wanted_reason text,
    is_first boolean not null default false,
    -- The sweep under way: Salesforce's clock and the database's before it read, and its Bulk job.
    started_at timestamptz,
    read_started timestamptz,
    is_full boolean not null default false,
    job text,
    phase text check (phase in ('scan', 'repair')),
    -- Where the next sample begins: behind this id.
    sample_after text,
    -- Rows that the guard against mass deletion holds back, and how many it allows.
    held bigint check (held > 0),
    held_allowed bigint,
    held_checked_at timestamptz,
    -- What the sweep under way, or else the last one, found and did.
    finished_at timestamptz,
    scanned bigint not null default 0,
    sampled bigint not null default 0,
    missing bigint not null default 0,
    extra bigint not null default 0,
    stale bigint not null default 0,
    differing bigint not null default 0,
    repaired bigint not null default 0,
    check ((wanted_at is null) = (wanted_reason is null)),
    check ((phase is null) = (started_at is null)),
    check ((held is null) = (held_allowed is null))
);

-- What the sweep under way found and has not settled yet, or what the guard holds back.
create table lockstep.sweep_finding (
    object text not null,
    sfid text not null,
    kind text not null check (kind in ('missing', 'extra', 'stale', 'differing', 'gone')),
    primary key (object, sfid)
);

-- Which server and database this is, as the worker last saw it, and how often it looked. A copy or an older state of the
-- database tells itself by them.
create table lockstep.marker (
    is_only boolean primary key default true check (is_only),
    system_identifier text,
    timeline integer,
    database_oid bigint not null,
    relation_oid bigint not null,
    beat bigint not null default 0 check (beat >= 0),
    beaten_at timestamptz not null default clock_timestamp()
);
