-- As for the first tables: the roles through which a hosted Postgres may publish the schema get nothing.
DO $$
DECLARE
	role_name text;
	table_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['anon', 'authenticated'] LOOP
		CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name);
		FOREACH table_name IN ARRAY ARRAY[
			'audit_log', 'consents', 'throttles', 'tickets'
		] LOOP
			EXECUTE format('REVOKE ALL ON TABLE public.%I FROM %I', table_name, role_name);
		END LOOP;
		EXECUTE format('REVOKE ALL ON SEQUENCE public.consents_id_seq FROM %I', role_name);
	END LOOP;
END
$$;
