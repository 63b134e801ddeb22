-- A Bulk job's journal entries are read page by page, in the order in which they were written down.

create index journal_job_entry on lockstep.journal (bulk_job, id) where bulk_job is not null;
drop index lockstep.journal_bulk_job;
