-- Write down what is about to be sent, by Bulk job $2 where there is one. Guarantee: ids ascend in the order of the intents.
insert into lockstep.journal (table_name, record_id, operation, sfid, key, "values", log_ids, is_part, bulk_job)
select intent.table_name, intent.record_id, intent.operation, intent.sfid, intent.key, intent."values",
    array(select jsonb_array_elements_text(intent.log_ids)::integer), intent.is_part, $2
from jsonb_to_recordset($1) as intent (
    position bigint, table_name text, record_id integer, operation text, sfid text, key text,
    "values" jsonb, log_ids jsonb, is_part boolean
)
order by intent.position
returning id
