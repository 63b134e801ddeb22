-- Room for one page of records. Guarantee: columns of the table's own types and collations; gone at commit.
create temp table lockstep_page on commit drop as
select
    target.sfid,
    null::varchar as _hc_lastop,
    null::timestamp as systemmodstamp,
    false as is_deleted,
    target.sfid as master_sfid{staged_columns}
from {table} as target
with no data;
alter table pg_temp.lockstep_page alter column is_deleted set default false
