-- Whether a record waits because it is not clear which row is its own: several rows have its key, or one that is bound
-- to another record.
alter table lockstep.orphan add column is_ambiguous boolean not null default false;
