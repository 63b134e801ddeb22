-- The mappings as last applied: object, key's field, columns of their fields, those of fields that were out included.
select object, settings ->> 'key',
       array(select field ->> 'column' from jsonb_array_elements(settings -> 'fields') as field)
       || array(select jsonb_array_elements_text(coalesce(settings -> 'held', '[]')))
from lockstep.mapping
