-- Room for what Salesforce holds, and for what differs from it. Guarantee: columns of the table's own types and
-- collations; gone when the transaction ends.
create temp table lockstep_scan on commit drop as
select target.sfid{stamp}
from {table} as target
with no data;
create temp table lockstep_values on commit drop as
select target.sfid{stamp}{staged_columns}
from {table} as target
with no data;
create temp table lockstep_found (
    sfid text, record_id integer, kind text not null, detail jsonb not null default '{}'
) on commit drop;
