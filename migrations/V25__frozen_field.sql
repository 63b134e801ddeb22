-- Of a field that both sides keep undoing neither side's value wins: it is frozen until another value is written.
alter table lockstep.conflict drop constraint conflict_winner_check;
alter table lockstep.conflict
    add constraint conflict_winner_check check (winner in ('salesforce', 'postgres', 'neither'));

create index conflict_frozen on lockstep.conflict (at) where winner = 'neither';
