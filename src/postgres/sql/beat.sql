-- The worker has looked at this server: system identifier $1, timeline $2, database $3, this table $4. The first look says which it is;
-- later ones only count.
insert into lockstep.marker as marker (system_identifier, timeline, database_oid, relation_oid, beat)
values ($1, $2, $3, $4, 1)
on conflict (is_only) do update
set beat = marker.beat + 1, beaten_at = clock_timestamp()
returning marker.system_identifier, marker.timeline, marker.database_oid, marker.relation_oid, marker.beat
