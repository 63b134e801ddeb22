-- Whether a pull made rows of {table} for records which other rows' inserts created: their twins.
select exists (
    select
    from pg_temp.lockstep_recorded as outcome
    join {table} as twin on twin.sfid = outcome.sfid
    where outcome.kind in ('accepted', 'begun')
      and outcome.lastop <> 'DELETED'
      and twin.id <> outcome.record_id
)
