-- The load of object $1 begins; $2: rows go straight in; the indexes $3 with definitions $4 are set aside.
-- Guarantee: what an earlier load set aside is not forgotten.
insert into lockstep.load as load (object, is_direct, index_names, index_definitions)
values ($1, $2, $3, $4)
on conflict (object) do update
set is_direct = excluded.is_direct and load.failed_jobs = 0, is_read = false,
    index_names = load.index_names || excluded.index_names,
    index_definitions = load.index_definitions || excluded.index_definitions
