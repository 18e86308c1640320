-- Findings that were stored twice are the same row under the same name: one stays, a flag of self-harm before others.
LOCK TABLE "cbt_findings" IN SHARE ROW EXCLUSIVE MODE;--> statement-breakpoint
DELETE FROM "cbt_findings" "twice" USING "cbt_findings" "kept"
WHERE "kept"."session_id" = "twice"."session_id" AND "kept"."at" = "twice"."at" AND "kept"."id" <> "twice"."id"
	AND ("kept"."is_crisis", -"kept"."id") > ("twice"."is_crisis", -"twice"."id");--> statement-breakpoint
CREATE UNIQUE INDEX "cbt_findings_session_at_key" ON "cbt_findings" USING btree ("session_id","at");--> statement-breakpoint
CREATE INDEX "audit_log_attested_idx" ON "audit_log" USING btree ("event","chain","place") WHERE "audit_log"."event" in ('audit_sealed', 'audit_checkpoint', 'audit_gap', 'audit_healed');