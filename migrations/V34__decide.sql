-- Conflicts that a person decides: both sides' values, the decision, and how the application's own roles take it.

alter table lockstep.parked
    -- By field: base, local and remote value, where a person is to choose.
    add column conflicts jsonb,
    -- Whose values stay, once that is said.
    add column winner text check (winner in ('postgres', 'salesforce'));

create index parked_decided on lockstep.parked (table_name, record_id) where winner is not null;

alter table lockstep.conflict drop constraint conflict_policy_check;
alter table lockstep.conflict
    add constraint conflict_policy_check check (policy in ('salesforce_wins', 'postgres_wins', 'newest', 'manual'));

-- Runs as the schema's owner, as lockstep.retry does, which it calls and which checks the caller's rights again.
create function lockstep.decide(
    winner text,
    object text default null,
    record_id integer default null,
    changes integer[] default null,
    alike boolean default false
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    caller constant text :=
        case current_setting('role') when 'none' then session_user::text else current_setting('role') end;
    namespace constant text := lockstep.mapped_schema();
    chosen integer[];
begin
    if decide.winner is null or decide.winner not in ('postgres', 'salesforce') then
        raise exception 'the winner is postgres or salesforce, not %', coalesce(decide.winner, 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    with decided as (
        update lockstep.parked as parked
        set winner = decide.winner
        where parked.code = 'CONFLICT'
          -- What is decided and not carried out yet stays as it was decided.
          and parked.winner is null
          and (decide.object is null or lower(parked.object) = lower(decide.object))
          and (decide.record_id is null or parked.record_id = decide.record_id)
          and (
              decide.changes is null
              or parked.log_ids && decide.changes
              or (
                  decide.alike
                  and exists (
                      select
                      from lockstep.parked as asked
                      where asked.log_ids && decide.changes
                        and asked.object = parked.object
                        and asked.cause = parked.cause
                  )
              )
          )
          and has_table_privilege(caller, to_regclass(format('%I.%I', namespace, parked.table_name)), 'UPDATE')
        returning parked.log_ids
    )
    select array_agg(distinct member.id) into chosen
    from decided
    cross join lateral unnest(decided.log_ids) as member (id);
    return lockstep.retry(object => decide.object, changes => coalesce(chosen, '{}'));
end
$$;

comment on function lockstep.decide(text, text, integer, integer[], boolean) is
    'Says whose values stay in conflicts that wait for a person, postgres or salesforce, and answers of how many changes: '
    'all, or those of one object, of the row with one id, or of these numbers in the trigger log (alike => true: and all '
    'about the same fields). A value that was not shown is not overruled. The caller needs the right to update the table.';
