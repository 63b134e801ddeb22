-- Records whose rows are to go or cannot come yet, and how far deletions were asked for.

-- Rows that are to be deleted and wait: for the end of the poll window, so that all its deletions are counted before
-- one is carried out; until the row's unsent changes are settled; or until no other table refers to the row.
create table lockstep.departure (
    table_name text not null,
    sfid text not null,
    cause text not null check (cause in ('deleted', 'left', 'missing')),
    systemmodstamp timestamp,
    master_sfid text,
    held_by text,
    noted_at timestamptz not null default clock_timestamp(),
    primary key (table_name, sfid)
);

-- Why a record has no row. One that is `kept_away` was deleted by the application and is meant to stay in Salesforce.
-- One that was merged names the record it was merged into.
alter table lockstep.tombstone
    add column cause text not null default 'deleted' check (cause in ('deleted', 'left', 'missing', 'kept_away')),
    add column master_sfid text;

create index tombstone_kept_away on lockstep.tombstone (table_name) where cause = 'kept_away';

-- The lookups of the mapped tables: which column of which table holds ids of which objects' records, and the column
-- beside it, if any, that names the parent by the parent's own `match_column`.
create table lockstep.lookup (
    table_name text not null,
    column_name text not null,
    objects text[] not null,
    ref_column text,
    parent_table text,
    match_column text,
    primary key (table_name, column_name),
    check ((ref_column is null) = (parent_table is null) and (ref_column is null) = (match_column is null))
);

-- Records that cannot have a row yet: a foreign key of the application's wants a parent that is not here, or another
-- row holds their key. Only ids and what they wait for are kept; a released record is read again.
create table lockstep.orphan (
    table_name text not null,
    sfid text not null,
    constraint_name text not null,
    parent_table text not null,
    awaited text[] not null,
    is_released boolean not null default false,
    parked_at timestamptz not null default clock_timestamp(),
    primary key (table_name, sfid)
);

create index orphan_parent on lockstep.orphan (parent_table) where not is_released;

-- Up to where getDeleted has been asked, per object, by Salesforce's clock; and when, by the database's.
-- Without the latter it is asked at the next poll.
create table lockstep.deletions_asked (
    object text primary key,
    covered timestamptz not null,
    asked_at timestamptz
);
