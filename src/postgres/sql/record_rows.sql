-- Write the outcomes on the rows. Guarantee: the marks of a row that the application changed meanwhile stay as they are.
update {table} as target
set sfid = coalesce(outcome.sfid, target.sfid),
    _hc_lastop = case when newer.record_id is null then outcome.lastop else target._hc_lastop end,
    _hc_err = case when newer.record_id is null then outcome.err else target._hc_err end
from pg_temp.lockstep_recorded as outcome
left join pg_temp.lockstep_newer as newer on newer.record_id = outcome.record_id
where target.id = outcome.record_id
  and outcome.lastop is not null
  and outcome.lastop not in ('DELETED', 'KEPT_AWAY')
  and (
      target.sfid is distinct from coalesce(outcome.sfid, target.sfid)
      or (
          newer.record_id is null
          and (target._hc_lastop is distinct from outcome.lastop or target._hc_err is distinct from outcome.err)
      )
  )
