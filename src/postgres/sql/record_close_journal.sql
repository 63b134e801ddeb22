-- Close the journal entries of the recorded outcomes.
update lockstep.journal as journal
set outcome = outcome.journal_outcome,
    closed_at = clock_timestamp(),
    message = outcome.message,
    sfid = coalesce(outcome.sfid, journal.sfid)
from pg_temp.lockstep_recorded as outcome
where journal.id = outcome.journal
