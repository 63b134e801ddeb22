-- Tells sessions that called lockstep.listen() that outcomes are there. They share a lock on the channel; where nobody
-- holds it, no notification is sent, for each takes a lock of the whole server at commit.
select pg_notify($1, '') where not pg_try_advisory_xact_lock(1819042867, hashtext($1))
