-- Room for the outcomes of one push. Gone at commit.
create temp table lockstep_recorded (
    record_id integer not null,
    log_ids integer[] not null,
    journal bigint,
    kind text not null,
    sfid varchar(18) collate "ucs_basic",
    lastop text,
    err text,
    message text,
    wait double precision,
    parent_table text,
    parent_id integer,
    journal_outcome text not null,
    origin text,
    code text,
    fields jsonb,
    cause text,
    operation text,
    sent jsonb,
    conflicts jsonb,
    adopt jsonb,
    restore jsonb
) on commit drop;
-- Keeps a plan that expects one row from comparing each with each.
create index on pg_temp.lockstep_recorded (record_id);
