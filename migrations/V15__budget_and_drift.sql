-- How far work is cut down by the API budget, and where objects in Salesforce no longer fit their mappings.

alter table lockstep.connection
    add column budget_level text,
    add column budget_since timestamptz;

create table lockstep.drift (
    object text not null,
    field text not null,
    kind text not null,
    detail text not null,
    since timestamptz not null default clock_timestamp(),
    primary key (object, field)
);
