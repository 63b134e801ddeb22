-- What is pruned is cleared away early, so that the table stays as large as what it keeps.
alter table lockstep.journal set (autovacuum_vacuum_scale_factor = 0.02);

-- Replication slots that keep old rows from being cleared away, each with since when it has held the same point. The
-- server does not tell how old that is.
create table lockstep.slot (
    name text primary key,
    held text not null,
    since timestamptz not null default clock_timestamp()
);
