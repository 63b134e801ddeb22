
-- Marks a row that the application wrote as waiting; a worker's own write says by itself what it leaves.
--
-- An update that changes nothing leaves the mark alone, since nothing will be sent that could clear it. Rows are
-- compared by their bytes: columns of the application's may be of types without equality. Without a `set` clause, whose
-- entering costs more than the rest, every name and operator is qualified.
begin
    if pg_catalog.current_setting('xmlbinary') operator(pg_catalog.=) 'hex'
        and pg_catalog.pg_trigger_depth() operator(pg_catalog.=) 1
        and lockstep.own_write()
    then
        return new;
    end if;
    if tg_op operator(pg_catalog.=) 'INSERT' or new operator(pg_catalog.*<>) old then
        new._hc_lastop := 'PENDING';
        new._hc_err := null;
    end if;
    return new;
end
