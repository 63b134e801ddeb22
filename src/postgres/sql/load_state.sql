-- How the load of object $1 goes about its table.
select load.is_direct, load.is_read, load.failed_jobs, load.index_names, load.index_definitions
from lockstep.load as load
where load.object = $1
