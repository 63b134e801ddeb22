-- Keep what a person needs to know of refused changes of table $1, which is object $2's. What was sent is the journal's
-- word, where anything was. What a person has decided is forgotten where there is something new to decide.
insert into lockstep.parked as parked
    (log_id, log_ids, object, table_name, record_id, operation, origin, code, fields, message, cause, sent, attempts,
     first_at, conflicts)
select
    (select max(member.id) from unnest(outcome.log_ids) as member (id)), outcome.log_ids, $2, $1, outcome.record_id,
    coalesce(outcome.operation, journal.operation), outcome.origin, outcome.code,
    array(select jsonb_array_elements_text(outcome.fields)), outcome.message, outcome.cause,
    coalesce(outcome.sent, journal."values"),
    (
        select count(*)
        from lockstep.journal as attempt
        where attempt.table_name = $1 and attempt.record_id = outcome.record_id and attempt.log_ids && outcome.log_ids
    ),
    coalesce(
        (
            select min(known.first_at)
            from lockstep.parked as known
            where known.table_name = $1 and known.record_id = outcome.record_id and known.log_ids && outcome.log_ids
        ),
        now()
    ),
    outcome.conflicts
from pg_temp.lockstep_recorded as outcome
left join lockstep.journal as journal on journal.id = outcome.journal
where outcome.kind = 'refused' and cardinality(outcome.log_ids) > 0
on conflict (log_id) do update
set log_ids = excluded.log_ids, object = excluded.object, table_name = excluded.table_name,
    record_id = excluded.record_id, operation = excluded.operation, origin = excluded.origin, code = excluded.code,
    fields = excluded.fields, message = excluded.message, cause = excluded.cause, sent = excluded.sent,
    attempts = excluded.attempts, first_at = excluded.first_at, last_at = now(),
    conflicts = coalesce(excluded.conflicts, parked.conflicts),
    winner = case when excluded.conflicts is null then parked.winner end
