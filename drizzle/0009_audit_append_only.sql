-- The audit trail only grows: the role that the server runs as may add rows, and neither change one nor take one away.
-- Retention alone takes away. It says for its own transaction how many days are kept, a whole one at least, and only
-- what is older goes. Who owns the table can remove these triggers; what is done then, the chain still shows.
CREATE FUNCTION "audit_log_only_grows"() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	kept_days int;
BEGIN
	IF TG_OP = 'DELETE' THEN
		kept_days := nullif(current_setting('maeum.audit_kept_days', true), '');
		IF kept_days >= 1 AND OLD.at < now() - kept_days * interval '1 day' THEN
			RETURN OLD;
		END IF;
	END IF;
	RAISE EXCEPTION 'the audit trail is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
END
$$;
--> statement-breakpoint
CREATE TRIGGER "audit_log_rows_stay" BEFORE UPDATE OR DELETE ON "audit_log"
	FOR EACH ROW EXECUTE FUNCTION "audit_log_only_grows"();
--> statement-breakpoint
CREATE TRIGGER "audit_log_table_stays" BEFORE TRUNCATE ON "audit_log"
	FOR EACH STATEMENT EXECUTE FUNCTION "audit_log_only_grows"();
