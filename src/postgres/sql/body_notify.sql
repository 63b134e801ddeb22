
-- Wakes the worker.
--
-- A notification takes a lock of the whole server at commit, so that a busy application would commit one
-- transaction after the other. Only one open transaction at a time therefore notifies; whoever finds the gate
-- taken commits unannounced, and the worker's own look at the log finds it.
begin
    if pg_try_advisory_xact_lock(1819042867, hashtext({channel})) then
        perform pg_notify({channel}, 'ping');
    end if;
    return null;
end
