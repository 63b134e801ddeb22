-- The rows with ids $1, each column in the text form of the trigger log.
select
    target.id,
    target.sfid::text,
    {hstore}.hstore_to_json({hstore}.slice({hstore}.hstore(target), $2)) as fields
from {table} as target
where target.id = any($1)
