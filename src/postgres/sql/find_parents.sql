-- The rows of a parent table whose matching column holds one of $1, an array of texts that is cast to the column's kind.
select target.{column}::text, target.id, target.sfid::text
from {table} as target
where target.{column} = any($1{cast})
