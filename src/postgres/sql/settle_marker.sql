-- The database is known to be on the server with system identifier $1, timeline $2 as database $3, with this table as $4.
update lockstep.marker
set system_identifier = $1, timeline = $2, database_oid = $3, relation_oid = $4, beat = beat + 1, beaten_at = clock_timestamp()
