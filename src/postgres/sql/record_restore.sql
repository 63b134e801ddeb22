-- Put rows back that the application deleted, under their old ids.
insert into {table} ({columns}) overriding system value
select {restored}
from pg_temp.lockstep_recorded as outcome
cross join lateral jsonb_populate_record(null::{table}, outcome.restore) as record
where outcome.restore is not null
on conflict do nothing
