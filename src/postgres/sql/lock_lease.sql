-- Wait for the transactions that are fenced by lease $1, if it has run out.
--
-- They hold a key-share lock, which a renewal does not wait for and this lock does.
select epoch from lockstep.lease where name = $1 and expires_at <= clock_timestamp() for update
