-- Heroku Connect's table about itself. Guarantee: its columns; nothing here reads or writes it.
create table if not exists {schema}._hcmeta (
    id serial primary key,
    hcver integer,
    org_id varchar(50),
    details text
);
