-- Write down what may have been sent before the database went back: at some time between the change and now, with an
-- answer that nobody knows any longer.
insert into lockstep.journal
    (table_name, record_id, operation, sfid, key, "values", log_ids, opened_at, closed_at, outcome, message)
select intent.table_name, intent.record_id, intent.operation, intent.sfid, intent.key, intent."values",
    array(select jsonb_array_elements_text(intent.log_ids)::integer),
    moment.at, clock_timestamp(), 'unknown', 'the database went back in time'
from jsonb_to_recordset($1) as intent (
    position bigint, table_name text, record_id integer, operation text, sfid text, key text,
    "values" jsonb, log_ids jsonb, since timestamptz
)
cross join lateral (values (intent.since), (clock_timestamp())) as moment (at)
order by intent.position, moment.at
