-- What the order of changes needs to know beyond the log.

-- An entry that carries only a part of what its log rows ask for: a reference to a record that is itself about to be
-- created follows in a second write, and only then are the log rows settled.
alter table lockstep.journal add column is_part boolean not null default false;

-- The row that a record's changes wait for, and the latest of these changes: newer ones may ask for something else.
alter table lockstep.delivery
    add column parent_table text,
    add column parent_id integer,
    add column seen integer,
    add check ((parent_table is null) = (parent_id is null));

create index delivery_parent on lockstep.delivery (parent_table, parent_id) where parent_table is not null;
