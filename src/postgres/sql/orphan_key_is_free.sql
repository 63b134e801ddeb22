-- Whether the key that `orphan` waits for is free: no other row has it; or one has, which has no record, and this record
-- no row, so that they are a pair. A condition, filled into a statement.
(
    select count(*) = 0
        or (
            count(*) = 1
            and bool_and(other.sfid is null)
            and not exists (select from {table} as own where own.sfid = orphan.sfid)
        )
    from {table} as other
    where other.{key} = orphan.awaited[1] and other.sfid is distinct from orphan.sfid
)
