-- Who holds lease $1, in which epoch, until when; and how many seconds that is from now. No row when nobody does.
select
    holder,
    epoch,
    expires_at,
    extract(epoch from expires_at - clock_timestamp())::float8 as seconds_left
from lockstep.lease
where name = $1 and expires_at > clock_timestamp()
