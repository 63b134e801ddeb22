-- Remembered deletions, so that a record that comes back gets its old row id.

create table lockstep.tombstone (
    table_name text not null,
    sfid text not null,
    record_id integer not null,
    systemmodstamp timestamp,
    deleted_at timestamptz not null default clock_timestamp(),
    primary key (table_name, sfid)
);

create index tombstone_deleted_at on lockstep.tombstone (deleted_at);
