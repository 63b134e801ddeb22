-- How far each pull and first load has come. Moves in the transaction that applies the rows it covers.

create table lockstep.checkpoint (
    object text primary key,
    watermark timestamptz,
    loaded boolean not null default false,
    backfill_job text,
    backfill_locator text,
    backfill_rows bigint check (backfill_rows >= 0),
    backfill_started_at timestamptz,
    backfill_read_started timestamptz,
    updated_at timestamptz not null default now(),
    check ((backfill_rows is null) = (backfill_started_at is null))
);
