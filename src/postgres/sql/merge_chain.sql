-- The record that a merged record of table $1 ended up in, where that was merged in its turn.
with recursive known as (
    select gone.sfid, gone.master_sfid
    from pg_temp.lockstep_gone as gone
    where gone.master_sfid is not null
    union
    select tombstone.sfid, tombstone.master_sfid
    from lockstep.tombstone as tombstone
    where tombstone.table_name = $1 and tombstone.master_sfid is not null
),
chain as (
    select gone.sfid, gone.master_sfid, 1 as depth
    from pg_temp.lockstep_gone as gone
    where gone.master_sfid is not null
    union all
    select chain.sfid, known.master_sfid, chain.depth + 1
    from chain
    join known on known.sfid = chain.master_sfid
    where chain.depth < 32
),
final as (
    select distinct on (chain.sfid) chain.sfid, chain.master_sfid from chain order by chain.sfid, chain.depth desc
)
update pg_temp.lockstep_gone as gone
set master_sfid = final.master_sfid
from final
where final.sfid = gone.sfid and gone.master_sfid is distinct from final.master_sfid
