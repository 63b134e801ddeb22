-- Records that were read from Salesforce and have a value that its column cannot hold: what a person has to look at.
--
-- Such a record is left out of the page it came with, and its row stays as it was. One row per field; the rows of a
-- record go when it is read well again.
create table lockstep.unreadable (
    object text not null,
    sfid varchar(18) collate "C" not null,
    field text not null,
    reason text not null,
    since timestamptz not null default clock_timestamp(),
    primary key (object, sfid, field)
);
