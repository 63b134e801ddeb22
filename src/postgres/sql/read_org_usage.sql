-- The API requests of the org of schema $1, if it ever told.
select api_used, api_limit, api_noted_at
from lockstep.connection
where schema_name = $1 and api_noted_at is not null
