-- Requests to Salesforce, per mapping, kind and hour.

create table lockstep.api_usage (
    object text not null,
    kind text not null,
    hour timestamptz not null,
    calls bigint not null check (calls >= 0),
    primary key (hour, object, kind)
);
