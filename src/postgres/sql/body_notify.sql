
-- Wakes the worker.
--
-- A notification takes a lock of the whole server at commit, so that a busy application would commit one
-- transaction after the other. Only one open transaction at a time therefore notifies; whoever finds the gate
-- taken commits unannounced, and the worker's own look at the log finds it.
--
-- Also remembers the transaction in the session's setting `lockstep.own`, for lockstep.wait(): the latest first, at most
-- 64, and behind a `+` the oldest of more. Transactions are numbered upwards, so that a setting which begins with this
-- one's number is its own.
declare
    mine constant text := txid_current()::text;
    own constant text := coalesce(current_setting('lockstep.own', true), '');
    known text[];
    oldest text;
begin
    if not starts_with(own, mine) then
        known := string_to_array(nullif(split_part(own, '+', 1), ''), ',');
        oldest := nullif(split_part(own, '+', 2), '');
        if cardinality(known) >= 64 then
            oldest := coalesce(oldest, known[64]);
            known := known[1:63];
        end if;
        perform set_config(
            'lockstep.own', array_to_string(mine || known, ',') || coalesce('+' || oldest, ''), false
        );
    end if;
    if pg_try_advisory_xact_lock(1819042867, hashtext({channel})) then
        perform pg_notify({channel}, 'ping');
    end if;
    return null;
end
