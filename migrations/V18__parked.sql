-- What a person needs to know of the changes that were refused, beside the trigger log's compatible columns; and how the
-- application's own roles have them sent again.

-- One row per parked change of a record, whichever captured changes it came of. Holds cell values, as the trigger log does.
create table lockstep.parked (
    -- The last of the log rows.
    log_id integer primary key,
    log_ids integer[] not null,
    object text not null,
    table_name text not null,
    record_id integer not null,
    operation text check (operation in ('INSERT', 'UPDATE', 'DELETE')),
    -- Who refused: Salesforce, the rehearsal before a request was made, or another rule of ours.
    origin text not null check (origin in ('salesforce', 'rehearsal', 'lockstep')),
    code text not null,
    fields text[] not null default '{}',
    message text not null,
    -- Equal where the reason is the same.
    cause text not null,
    -- What was sent, or would have been, by field.
    sent jsonb,
    -- How often it was sent.
    attempts integer not null check (attempts >= 0),
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now()
);

create index parked_record on lockstep.parked (table_name, record_id);
create index parked_cause on lockstep.parked (cause);
create index parked_rehearsed on lockstep.parked (table_name, log_id) where origin = 'rehearsal';

-- Runs as the schema's owner, so that the application's roles need no right to the log; it touches only changes of tables
-- that the caller may update. Captured text has one form, whatever the caller's session prints.
create function lockstep.retry(
    object text default null,
    record_id integer default null,
    changes integer[] default null,
    alike boolean default false,
    present boolean default false
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
set extra_float_digits = 1
as $$
declare
    caller constant text :=
        case current_setting('role') when 'none' then session_user::text else current_setting('role') end;
    namespace text;
    hstore text;
    chosen integer[] := retry.changes;
    mapped record;
    fresh text;
    revived bigint;
    total bigint := 0;
begin
    select connection.schema_name into namespace
    from lockstep.connection as connection
    order by connection.updated_at desc
    limit 1;
    if namespace is null then
        raise exception 'no mapping is provisioned in this database' using errcode = 'undefined_table';
    end if;
    select extension_schema.nspname into hstore
    from pg_extension as extension
    join pg_namespace as extension_schema on extension_schema.oid = extension.extnamespace
    where extension.extname = 'hstore';
    if retry.object is not null
        and not exists (select from lockstep.mapping as known where lower(known.object) = lower(retry.object)) then
        raise exception 'no mapping is named %', retry.object using errcode = 'undefined_object';
    end if;

    if retry.alike then
        select array_agg(distinct alike.id) into chosen
        from lockstep.parked as asked
        join lockstep.parked as parked on parked.cause = asked.cause and parked.object = asked.object
        cross join lateral unnest(parked.log_ids) as alike (id)
        where asked.log_ids && retry.changes;
        chosen := coalesce(chosen, '{}') || coalesce(retry.changes, '{}');
    end if;

    for mapped in
        select known.object, known.table_name, format('%I.%I', namespace, known.table_name) as path
        from lockstep.mapping as known
        where retry.object is null or lower(known.object) = lower(retry.object)
    loop
        continue when to_regclass(mapped.path) is null;
        if not has_table_privilege(caller, mapped.path, 'UPDATE') then
            if retry.object is null then
                continue;
            end if;
            raise exception 'permission denied for table %', mapped.table_name using errcode = 'insufficient_privilege';
        end if;
        fresh := 'change."values"';
        if retry.present then
            fresh := format(
                $fresh$coalesce((
                    select case change.action
                        when 'INSERT' then %1$I.hstore(target) operator(%1$I.-) '{_hc_lastop,_hc_err}'::text[]
                        else %1$I.slice(%1$I.hstore(target), %1$I.akeys(change."values"::%1$I.hstore))
                    end::text
                    from %2$s as target
                    where target.id = change.record_id and change.action <> 'DELETE'
                ), change."values")$fresh$,
                hstore, mapped.path
            );
        end if;
        execute format(
            $revive$with revived as (
                update %1$I._trigger_log as change
                set state = 'NEW', "values" = %2$s, updated_at = clock_timestamp()
                where change.state = 'FAILED'
                  and change.table_name = $1
                  and ($2::integer is null or change.record_id = $2)
                  and ($3::integer[] is null or change.id = any($3))
                returning change.table_name, change.record_id
            ),
            unhindered as (
                delete from lockstep.delivery as delivery
                using revived
                where delivery.table_name = revived.table_name and delivery.record_id = revived.record_id
            )
            select count(*) from revived$revive$,
            namespace, fresh
        ) into revived using mapped.table_name, retry.record_id, chosen;
        total := total + revived;
    end loop;
    return total;
end
$$;

comment on function lockstep.retry(text, integer, integer[], boolean, boolean) is
    'Has refused changes sent again and answers how many: all, or those of one object, of the row with one id, or of these '
    'numbers in the trigger log (alike => true: and all that were refused for the same reason). They are sent as they were '
    'captured, or with the row''s present values (present => true). The caller needs the right to update the table.';
