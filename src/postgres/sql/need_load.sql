-- Object $1 has to be read whole again. Guarantee: its watermark stays, so nothing that polling saw is unseen.
insert into lockstep.checkpoint (object, loaded)
values ($1, false)
on conflict (object) do update
set loaded = false, backfill_job = null, backfill_locator = null, backfill_rows = null,
    backfill_started_at = null, backfill_read_started = null, updated_at = now()
