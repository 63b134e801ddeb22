-- Keep that the API budget of schema $1 is at level $2. Guarantee: touches no row unless that is news.
insert into lockstep.connection as connection (schema_name, budget_level, budget_since)
values ($1, $2, clock_timestamp())
on conflict (schema_name) do update
set budget_level = excluded.budget_level, budget_since = excluded.budget_since
where connection.budget_level is distinct from excluded.budget_level
