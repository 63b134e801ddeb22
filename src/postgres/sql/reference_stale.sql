-- The rows of {child} that name a parent of the page by another value than the parent's, locked.
select child.id
from pg_temp.lockstep_page as page
join {table} as parent on parent.sfid = page.sfid
join {child} as child on child.{lookup} = parent.sfid
where not page.is_deleted
  and child.{reference} is distinct from parent.{match}
order by child.id
for no key update of child
