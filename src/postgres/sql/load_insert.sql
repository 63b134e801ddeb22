-- Add a row for each record of the page, with the names of the parents that are here.
insert into {table} (sfid, _hc_lastop{system_columns}{columns})
select page.sfid, 'SYNCED'{system_values}{values}
from pg_temp.lockstep_page as page
{parents}
