CREATE TABLE "baselines" (
	"user_id" bigint PRIMARY KEY NOT NULL,
	"measures" "bytea" NOT NULL,
	"updated_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "baselines" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "model_allowances" (
	"key" text PRIMARY KEY NOT NULL,
	"level" double precision NOT NULL,
	"filled_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "model_allowances" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "model_usage" (
	"day" date NOT NULL,
	"model" text NOT NULL,
	"requests" integer DEFAULT 0 NOT NULL,
	"prompt_tokens" bigint DEFAULT 0 NOT NULL,
	"answer_tokens" bigint DEFAULT 0 NOT NULL,
	"cost_micro_usd" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "model_usage_pkey" PRIMARY KEY("day","model")
);
--> statement-breakpoint
ALTER TABLE "model_usage" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "cbt_findings" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "cbt_findings_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"session_id" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"detections" jsonb NOT NULL,
	"intervention" jsonb,
	"is_crisis" boolean DEFAULT false NOT NULL
);
--> statement-breakpoint
ALTER TABLE "cbt_findings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "voice_windows" (
	"session_id" text NOT NULL,
	"window" integer NOT NULL,
	"closed_at" timestamp (3) with time zone NOT NULL,
	"measures" jsonb NOT NULL,
	CONSTRAINT "voice_windows_pkey" PRIMARY KEY("session_id","window"),
	CONSTRAINT "voice_windows_window_positive" CHECK ("voice_windows"."window" > 0)
);
--> statement-breakpoint
ALTER TABLE "voice_windows" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "prompt_hash" text;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "prompt_tokens" integer;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "answer_tokens" integer;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "cost_micro_usd" integer;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "local_emotion" text;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "local_confidence" real;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "local_scores" jsonb;--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD COLUMN "intervention" jsonb;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "baseline" "bytea";--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "language" text DEFAULT 'ko' NOT NULL;--> statement-breakpoint
ALTER TABLE "baselines" ADD CONSTRAINT "baselines_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cbt_findings" ADD CONSTRAINT "cbt_findings_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "voice_windows" ADD CONSTRAINT "voice_windows_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "cbt_findings_session_idx" ON "cbt_findings" USING btree ("session_id","id");--> statement-breakpoint
ALTER TABLE "emotion_windows" ADD CONSTRAINT "emotion_windows_local_emotion_known" CHECK ("emotion_windows"."local_emotion" in ('happy', 'sad', 'angry', 'anxious', 'neutral', 'surprised', 'disgusted', 'fearful'));--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_language_known" CHECK ("sessions"."language" in ('ko', 'en'));