-- Keep a plan that expects one row, and meets ten thousand, from comparing each with each.
create index on pg_temp.lockstep_match (sfid);
create index on pg_temp.lockstep_match (record_id);
create index on pg_temp.lockstep_page (sfid);
analyze pg_temp.lockstep_match
