-- As for the first tables: the roles through which a hosted Postgres may publish the schema get nothing.
DO $$
DECLARE
	role_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['anon', 'authenticated'] LOOP
		CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name);
		EXECUTE format('REVOKE ALL ON TABLE public.conversation_locks FROM %I', role_name);
	END LOOP;
END
$$;
