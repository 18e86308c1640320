CREATE TABLE "refresh_families" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"counter" integer DEFAULT 1 NOT NULL,
	"rotated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"confirmed" boolean DEFAULT false NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"revoked_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "refresh_families_counter_positive" CHECK ("refresh_families"."counter" > 0)
);
--> statement-breakpoint
ALTER TABLE "refresh_families" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "user_preferences" (
	"user_id" bigint PRIMARY KEY NOT NULL,
	"preferences" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "user_preferences" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "users" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "users_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"username" text NOT NULL,
	"email" text NOT NULL,
	"password_hash" text NOT NULL,
	"profile_image" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_email_lower" CHECK ("users"."email" = lower("users"."email"))
);
--> statement-breakpoint
ALTER TABLE "users" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "counselings" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "counselings_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" bigint NOT NULL,
	"session_id" text,
	"type" text NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"scheduled_at" timestamp (3) with time zone,
	"notes" text,
	"survey" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "counselings_status_known" CHECK ("counselings"."status" in ('pending', 'confirmed', 'completed', 'cancelled'))
);
--> statement-breakpoint
ALTER TABLE "counselings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "feedbacks" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "feedbacks_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"user_id" bigint NOT NULL,
	"session_id" text,
	"rating" smallint NOT NULL,
	"note" text,
	"category" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "feedbacks_rating_range" CHECK ("feedbacks"."rating" between 1 and 5)
);
--> statement-breakpoint
ALTER TABLE "feedbacks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "conversations" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "conversations_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"session_id" text NOT NULL,
	"message" text NOT NULL,
	"response" text NOT NULL,
	"emotion" text,
	"source" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "conversations_emotion_known" CHECK ("conversations"."emotion" in ('happy', 'sad', 'angry', 'anxious', 'neutral', 'surprised', 'disgusted', 'fearful')),
	CONSTRAINT "conversations_source_known" CHECK ("conversations"."source" in ('gemini', 'local'))
);
--> statement-breakpoint
ALTER TABLE "conversations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "emotion_windows" (
	"session_id" text NOT NULL,
	"window" integer NOT NULL,
	"closed_at" timestamp (3) with time zone NOT NULL,
	"frames_received" integer NOT NULL,
	"frames_analysed" integer NOT NULL,
	"emotion" text NOT NULL,
	"confidence" real NOT NULL,
	"uncertain" boolean NOT NULL,
	"scores" jsonb NOT NULL,
	"valence" real NOT NULL,
	"arousal" real NOT NULL,
	"dominance" real NOT NULL,
	"source" text NOT NULL,
	"model" text NOT NULL,
	"model_outcome" text,
	"latency_ms" integer NOT NULL,
	"analyser_version" text NOT NULL,
	"prompt_version" text,
	"measures" "bytea" NOT NULL,
	"stt_snippet" text,
	"refined_emotion" text,
	"refined_confidence" real,
	"refined_scores" jsonb,
	"refined_valence" real,
	"refined_arousal" real,
	"refined_dominance" real,
	"refined_model" text,
	"refined_latency_ms" integer,
	"stored_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "emotion_windows_pkey" PRIMARY KEY("session_id","window"),
	CONSTRAINT "emotion_windows_window_positive" CHECK ("emotion_windows"."window" > 0),
	CONSTRAINT "emotion_windows_emotion_known" CHECK ("emotion_windows"."emotion" in ('happy', 'sad', 'angry', 'anxious', 'neutral', 'surprised', 'disgusted', 'fearful')),
	CONSTRAINT "emotion_windows_refined_emotion_known" CHECK ("emotion_windows"."refined_emotion" in ('happy', 'sad', 'angry', 'anxious', 'neutral', 'surprised', 'disgusted', 'fearful')),
	CONSTRAINT "emotion_windows_source_known" CHECK ("emotion_windows"."source" in ('gemini', 'local')),
	CONSTRAINT "emotion_windows_confidence_range" CHECK ("emotion_windows"."confidence" between 0 and 1),
	CONSTRAINT "emotion_windows_vad_range" CHECK ("emotion_windows"."valence" between -1 and 1 and "emotion_windows"."arousal" between -1 and 1 and "emotion_windows"."dominance" between -1 and 1),
	CONSTRAINT "emotion_windows_frames_analysed" CHECK ("emotion_windows"."frames_analysed" between 1 and "emotion_windows"."frames_received")
);
--> statement-breakpoint
ALTER TABLE "emotion_windows" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "reports" (
	"id" text PRIMARY KEY NOT NULL,
	"session_id" text NOT NULL,
	"version" integer NOT NULL,
	"content" jsonb NOT NULL,
	"generated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "reports_session_key" UNIQUE("session_id")
);
--> statement-breakpoint
ALTER TABLE "reports" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"user_id" bigint NOT NULL,
	"family_id" text,
	"labels" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"status" text DEFAULT 'active' NOT NULL,
	"interval_ms" integer NOT NULL,
	"started_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"paused_at" timestamp (3) with time zone,
	"resumed_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"end_reason" text,
	"end_answer" jsonb,
	"landmark_count" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "sessions_status_known" CHECK ("sessions"."status" in ('active', 'paused', 'ended')),
	CONSTRAINT "sessions_end_reason_known" CHECK ("sessions"."end_reason" in ('requested', 'logged_out', 'abandoned', 'consent_withdrawn', 'account_deleted')),
	CONSTRAINT "sessions_interval_positive" CHECK ("sessions"."interval_ms" > 0),
	CONSTRAINT "sessions_ended_has_time" CHECK (("sessions"."status" = 'ended') = ("sessions"."ended_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "sessions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "refresh_families" ADD CONSTRAINT "refresh_families_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_preferences" ADD CONSTRAINT "user_preferences_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "counselings" ADD CONSTRAINT "counselings_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "counselings" ADD CONSTRAINT "counselings_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "feedbacks" ADD CONSTRAINT "feedbacks_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "feedbacks" ADD CONSTRAINT "feedbacks_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD CONSTRAINT "emotion_windows_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "reports" ADD CONSTRAINT "reports_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_family_id_refresh_families_id_fk" FOREIGN KEY ("family_id") REFERENCES "public"."refresh_families"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "refresh_families_user_idx" ON "refresh_families" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "refresh_families_expiry_idx" ON "refresh_families" USING btree ("expires_at");--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_key" ON "users" USING btree ("email");--> statement-breakpoint
CREATE UNIQUE INDEX "users_username_key" ON "users" USING btree (lower("username"));--> statement-breakpoint
CREATE INDEX "counselings_user_idx" ON "counselings" USING btree ("user_id","status","id");--> statement-breakpoint
CREATE INDEX "counselings_session_idx" ON "counselings" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "feedbacks_user_idx" ON "feedbacks" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "feedbacks_session_idx" ON "feedbacks" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "conversations_session_idx" ON "conversations" USING btree ("session_id","id");--> statement-breakpoint
CREATE INDEX "reports_generated_idx" ON "reports" USING btree ("generated_at");--> statement-breakpoint
CREATE INDEX "sessions_user_idx" ON "sessions" USING btree ("user_id","started_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "sessions_family_idx" ON "sessions" USING btree ("family_id");--> statement-breakpoint
CREATE INDEX "sessions_live_idx" ON "sessions" USING btree ("started_at") WHERE "sessions"."status" <> 'ended';