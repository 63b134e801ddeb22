-- Put the outcomes $1 in their room.
insert into pg_temp.lockstep_recorded
    (record_id, log_ids, journal, kind, sfid, lastop, err, message, wait, parent_table,
     parent_id, journal_outcome, origin, code,
     fields, cause, operation, sent, conflicts, adopt, restore)
select
    outcome.record_id, array(select jsonb_array_elements_text(outcome.log_ids)::integer),
    outcome.journal, outcome.kind, outcome.sfid, outcome.lastop, outcome.err, outcome.message, outcome.wait,
    outcome.parent_table, outcome.parent_id, outcome.journal_outcome, outcome.origin, outcome.code, outcome.fields, outcome.cause, outcome.operation, outcome.sent,
    outcome.conflicts, outcome.adopt, outcome.restore
from jsonb_to_recordset($1) as outcome (
    record_id integer, log_ids jsonb, journal bigint, kind text, sfid text, lastop text, err text, message text,
    wait double precision, parent_table text, parent_id integer, journal_outcome text, origin text, code text, fields jsonb, cause text, operation text,
    sent jsonb, conflicts jsonb, adopt jsonb, restore jsonb
)
