-- How far a poll under way has come, and what of an object is read on a schedule of its own.

create table lockstep.poll (
    object text primary key,

    -- The poll under way: Salesforce's clock when it began, which becomes the watermark once all is applied, and the
    -- stamp and id of the last record applied. A Bulk query job keeps its place by a locator; the records of its
    -- result are as old as `read_started`, by the database's clock.
    covered timestamptz,
    stamp timestamptz,
    after_id text,
    job text,
    locator text,
    read_started timestamptz,

    -- All records stamped before were visible when they were last looked for, by Salesforce's own word.
    safe_until timestamptz,
    -- When the last poll ended, by the database's clock.
    polled_at timestamptz,

    -- The refresh of fields that move without a stamp: when the last one ended, and how far the one under way is.
    refreshed_at timestamptz,
    refresh_after text,
    refresh_job text,
    refresh_locator text,
    refresh_started timestamptz
);
