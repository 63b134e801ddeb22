-- What people ask of each load, and what it has taken: how far it has come is in the checkpoint.

create table lockstep.backfill (
    object text primary key,
    -- The part of the object that the load reads: records stamped since then, and these fields; all where null.
    since timestamptz,
    since_text text,
    fields text[],
    rows_per_second bigint check (rows_per_second > 0),
    wish text not null default 'run' check (wish in ('run', 'pause', 'cancel')),
    wished_at timestamptz,
    -- When whoever runs the load has heeded the wish.
    heeded_at timestamptz,
    -- Of the load under way.
    began_at timestamptz,
    expected_rows bigint check (expected_rows >= 0),
    seconds double precision not null default 0 check (seconds >= 0),
    calls bigint not null default 0 check (calls >= 0),
    -- Of the last load that was finished.
    last_rows bigint check (last_rows >= 0),
    last_seconds double precision check (last_seconds >= 0),
    last_calls bigint check (last_calls >= 0),
    last_finished_at timestamptz
);
