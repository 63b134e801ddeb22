-- How clients of Heroku Connect ask whether their session's writes are captured: `base64` is yes.
-- Guarantee: same name, schema and type as there; a session setting is read instead of a scan of pg_settings.
create function public.get_xmlbinary() returns character varying
language sql stable
as $$ select pg_catalog.current_setting('xmlbinary')::character varying $$;
