ALTER TABLE "emotion_windows" ADD COLUMN "epoch" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "answered_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "delivered_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "lease_owner" text;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "lease_epoch" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "lease_until" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "changed_at" timestamp (3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "finalised_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "emotion_windows_undelivered_idx" ON "emotion_windows" USING btree ("session_id","window") WHERE "emotion_windows"."delivered_at" is null;--> statement-breakpoint
CREATE INDEX "sessions_changed_idx" ON "sessions" USING btree ("changed_at");--> statement-breakpoint
CREATE INDEX "sessions_unfinalised_idx" ON "sessions" USING btree ("ended_at") WHERE "sessions"."status" = 'ended' and "sessions"."finalised_at" is null;