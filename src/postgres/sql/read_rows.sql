-- The rows with ids $1; of those among $3 also the columns $2, each in the text form of the trigger log.
select
    target.id,
    target.sfid::text,
    case when target.id = any($3) then {hstore}.hstore_to_json({hstore}.slice({hstore}.hstore(target), $2)) end as fields
from {table} as target
where target.id = any($1)
