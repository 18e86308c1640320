-- A hosted Postgres may publish the schema "public" over HTTP to the roles "anon" and "authenticated".
-- Row level security without a policy already hides every row; this takes the privileges away as well.
DO $$
DECLARE
	role_name text;
	table_name text;
	sequence_name text;
BEGIN
	FOREACH role_name IN ARRAY ARRAY['anon', 'authenticated'] LOOP
		CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name);
		FOREACH table_name IN ARRAY ARRAY[
			'users', 'refresh_families', 'user_preferences', 'sessions', 'emotion_windows', 'reports', 'conversations',
			'counselings', 'feedbacks'
		] LOOP
			EXECUTE format('REVOKE ALL ON TABLE public.%I FROM %I', table_name, role_name);
		END LOOP;
		FOREACH sequence_name IN ARRAY ARRAY[
			'users_id_seq', 'conversations_id_seq', 'counselings_id_seq', 'feedbacks_id_seq'
		] LOOP
			EXECUTE format('REVOKE ALL ON SEQUENCE public.%I FROM %I', sequence_name, role_name);
		END LOOP;
	END LOOP;
END
$$;
