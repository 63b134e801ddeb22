-- Since when, and how far, changes of each mapping's rows are known to be captured; and the hole in that, if there is one.

create table lockstep.capture (
    object text primary key,
    -- The last look at which nothing was wrong: every transaction before the horizon had ended.
    whole_at timestamptz not null default clock_timestamp(),
    horizon bigint not null default pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
    -- Rows written since may not have been captured. Until that is settled, nothing of the mapping is sent or read.
    hole_since timestamptz,
    hole_horizon bigint,
    hole_found_at timestamptz,
    hole_reason text,
    -- Rows that differ from their records for it, once they were compared.
    missed bigint,
    check ((hole_since is null) = (hole_horizon is null) and (hole_since is null) = (hole_reason is null)),
    check (missed is null or hole_since is not null)
);

-- What was missed of it: rows, with what their records held in the columns that differ when they were compared; null where
-- a row has no record.
create table lockstep.missed (
    object text not null,
    record_id integer not null,
    remote jsonb,
    primary key (object, record_id)
);

-- Whether it was Lockstep itself that removed the row of record $2 from table $1, in this transaction, and not a foreign
-- key that cascades from a row which it removed: the log is told of that, so that the record goes too. A record that is
-- only out of the mapping's sight takes no other with it; the rows that cascade from it come back by a sweep.
--
-- What Lockstep removes leaves a tombstone in the same statement, or is one of two rows of one record.
create function lockstep.own_removal(of_table text, of_sfid text) returns boolean
language plpgsql security definer
as $$
declare
    mine constant pg_catalog.text :=
        (pg_catalog.txid_current() operator(pg_catalog.%) 4294967296)::pg_catalog.text;
begin
    return pg_catalog.current_setting('lockstep.twins_of', true) operator(pg_catalog.=) of_table
        or exists (
            select from lockstep.tombstone
            where tombstone.table_name operator(pg_catalog.=) of_table
              and tombstone.sfid operator(pg_catalog.=) of_sfid
              and tombstone.xmin::pg_catalog.text operator(pg_catalog.=) mine
        )
        or exists (
            select from lockstep.tombstone
            where tombstone.deleted_at operator(pg_catalog.>=) pg_catalog.now()
              and tombstone.cause operator(pg_catalog.<>) 'deleted'
              and tombstone.xmin::pg_catalog.text operator(pg_catalog.=) mine
        );
end
$$;
