-- Make this transaction one of the holder of lease $1 with epoch $2 and token $3, and its writes ours in the triggers'
-- eyes. Guarantee: no row when the lease is another's; nobody takes it over before this transaction ends.
--
-- The epoch alone would not do: in a database that went back in time, epochs are given out a second time.
select
    set_config('lockstep.token', held.token::text, true),
    set_config('xmlbinary', 'hex', true)
from (
    select token from lockstep.lease where name = $1 and epoch = $2 and token = $3 for key share
) as held
