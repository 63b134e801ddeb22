-- Whether rows of object $3 can go straight into the table $2 of schema $1: it is an ordinary table of ours, and the
-- object was never loaded or polled, so that nothing but its first load brings records.
select
    relation.relkind = 'r'
    and pg_catalog.pg_has_role(relation.relowner, 'usage')
    and not exists (
        select
        from lockstep.checkpoint as checkpoint
        where checkpoint.object = $3 and (checkpoint.watermark is not null or checkpoint.loaded)
    ) as may_be_direct
from pg_catalog.pg_class as relation
where relation.oid = pg_catalog.to_regclass(pg_catalog.quote_ident($1) || '.' || pg_catalog.quote_ident($2))
