-- Keep the conflicts $1.
insert into lockstep.conflict (object, table_name, record_id, field, base, local, remote, policy, winner)
select object, table_name, record_id, field, base, local, remote, policy, winner
from jsonb_to_recordset($1) as conflict (
    object text, table_name text, record_id integer, field text, base text, local text, remote text,
    policy text, winner text
)
