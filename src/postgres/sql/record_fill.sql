-- Put the outcomes $1 in their room.
insert into pg_temp.lockstep_recorded
    (record_id, log_ids, journal, kind, sfid, lastop, err, message, wait, journal_outcome, adopt, restore)
select
    outcome.record_id, array(select jsonb_array_elements_text(outcome.log_ids)::integer),
    outcome.journal, outcome.kind, outcome.sfid, outcome.lastop, outcome.err, outcome.message, outcome.wait,
    outcome.journal_outcome, outcome.adopt, outcome.restore
from jsonb_to_recordset($1) as outcome (
    record_id integer, log_ids jsonb, journal bigint, kind text, sfid text, lastop text, err text, message text,
    wait double precision, journal_outcome text, adopt jsonb, restore jsonb
)
