-- Make this transaction's commit survive a crash of the server, where the server is set up to forget the latest ones.
--
-- Whoever moved a checkpoint goes on from it: a later page must not be applied on top of one that is gone.
select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off'
