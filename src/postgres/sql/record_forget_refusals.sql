-- Forget refusals of table $1 whose changes are settled, or were refused again together with later ones.
delete from lockstep.parked as parked
using pg_temp.lockstep_recorded as outcome
where parked.table_name = $1
  and parked.record_id = outcome.record_id
  and parked.log_ids && outcome.log_ids
  and (
      outcome.kind in ('accepted', 'settled')
      or (
          outcome.kind = 'refused'
          and parked.log_id <> (select max(member.id) from unnest(outcome.log_ids) as member (id))
      )
  )
