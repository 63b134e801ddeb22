-- Records whose changes wait before they are sent again. Keeps the trigger log at its compatible columns.

create table lockstep.delivery (
    table_name text not null,
    record_id integer not null,
    attempts integer not null default 1 check (attempts > 0),
    not_before timestamptz not null,
    reason text not null,
    primary key (table_name, record_id)
);
