-- Keep a record's latest version where the page has it more than once; of equal stamps the one that came last.
delete from pg_temp.lockstep_page
where ctid in (
    select ranked.ctid
    from (
        select
            ctid,
            row_number() over (
                partition by sfid order by systemmodstamp desc nulls last, ctid desc
            ) as rank
        from pg_temp.lockstep_page
    ) as ranked
    where ranked.rank > 1
)
