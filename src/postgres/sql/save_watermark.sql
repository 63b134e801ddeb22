-- Object $1 is polled up to $2. Guarantee: never backwards.
insert into lockstep.checkpoint as checkpoint (object, watermark)
values ($1, $2)
on conflict (object) do update
set watermark = greatest(checkpoint.watermark, excluded.watermark), updated_at = now()
