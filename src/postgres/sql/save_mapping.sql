-- Records a mapping as applied: object $1, table $2, direction $3, settings $4.
-- Guarantee: the revision grows when, and only when, something differs; answers a row only then.
insert into lockstep.mapping as mapping (object, table_name, direction, settings)
values ($1, $2, $3, $4)
on conflict (object) do update
set table_name = excluded.table_name,
    direction = excluded.direction,
    settings = excluded.settings,
    revision = mapping.revision + 1,
    applied_at = now()
where (mapping.table_name, mapping.direction, mapping.settings)
    is distinct from (excluded.table_name, excluded.direction, excluded.settings)
returning revision
