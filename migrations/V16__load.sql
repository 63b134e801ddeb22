-- How each load under way goes about its table. A row is there from the load's beginning until all that it set aside
-- is back in place.

create table lockstep.load (
    object text primary key,
    -- The table was empty at the beginning and nobody else writes records to it: rows go straight in.
    is_direct boolean not null,
    -- All pages are in; what is left to do is in the table.
    is_read boolean not null default false,
    -- Bulk jobs of this load that came to nothing.
    failed_jobs integer not null default 0 check (failed_jobs >= 0),
    -- Indexes that were dropped so that rows go in faster. Never unique ones.
    index_names text[] not null default '{}',
    index_definitions text[] not null default '{}'
);
