import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  real,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { EMOTIONS, type Emotion, type EmotionScores } from '../../domain/emotion.ts'
import { LANGUAGES, type Language } from '../../domain/language.ts'
import {
  ANSWER_SOURCES,
  type AnswerSource,
  END_REASONS,
  type EndReason,
  SESSION_STATUSES,
  type SessionStatus,
} from '../../domain/session.ts'
import { refreshFamilies, users } from './accounts.ts'
import { bytes, createdAt, instant, oneOf } from './columns.ts'

/** What the caller of `start` named the two parties; kept and echoed as sent, never used to decide anything. */
export type SessionLabels = { readonly userId?: string | number; readonly counselorId?: string | number }

export const sessions = pgTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** The device that started it: logging that device out ends it. It goes along when the device is named anew. */
    familyId: text('family_id').references(() => refreshFamilies.id, {
      onDelete: 'set null',
      onUpdate: 'cascade',
    }),
    labels: jsonb('labels').$type<SessionLabels>().notNull().default({}),
    status: text('status').$type<SessionStatus>().notNull().default('active'),
    /** Length of a window. On the row, so that a change of configuration never moves a running schedule. */
    intervalMs: integer('interval_ms').notNull(),
    startedAt: instant('started_at').notNull().defaultNow(),
    pausedAt: instant('paused_at'),
    resumedAt: instant('resumed_at'),
    endedAt: instant('ended_at'),
    endReason: text('end_reason').$type<EndReason>(),
    /** The first answer to `end`, repeated word for word ever after. */
    endAnswer: jsonb('end_answer').$type<Record<string, unknown>>(),
    landmarkCount: bigint('landmark_count', { mode: 'number' }).notNull().default(0),
    /** The instance whose loop serves the session, under a lease that has to be renewed. */
    leaseOwner: text('lease_owner'),
    /** Rises with every change of owner; a write that carries an older one is not made. */
    leaseEpoch: integer('lease_epoch').notNull().default(0),
    leaseUntil: instant('lease_until'),
    /** When a socket or a frame was last there. */
    seenAt: instant('seen_at').notNull().defaultNow(),
    /** When status or owner last changed: what other instances look for. */
    changedAt: instant('changed_at').notNull().defaultNow(),
    /** When the report was made, which happens once. */
    finalisedAt: instant('finalised_at'),
    /** The person's neutral face as far as this session has learnt it; opaque, measures only. */
    baseline: bytes('baseline'),
    /** Language of every sentence that is made for this session. */
    language: text('language').$type<Language>().notNull().default('ko'),
  },
  (table) => [
    index('sessions_user_idx').on(table.userId, table.startedAt.desc()),
    index('sessions_family_idx').on(table.familyId),
    index('sessions_live_idx').on(table.startedAt).where(sql`${table.status} <> 'ended'`),
    index('sessions_changed_idx').on(table.changedAt),
    index('sessions_ended_idx').on(table.endedAt).where(sql`${table.status} = 'ended'`),
    index('sessions_unfinalised_idx')
      .on(table.endedAt)
      .where(sql`${table.status} = 'ended' and ${table.finalisedAt} is null`),
    check('sessions_status_known', oneOf(table.status, SESSION_STATUSES)),
    check('sessions_language_known', oneOf(table.language, LANGUAGES)),
    check('sessions_end_reason_known', oneOf(table.endReason, END_REASONS)),
    check('sessions_interval_positive', sql`${table.intervalMs} > 0`),
    check('sessions_ended_has_time', sql`(${table.status} = 'ended') = (${table.endedAt} is not null)`),
  ],
).enableRLS()

/** One analysed window of one session. A failure of a model is an outcome here, never an emotion. */
export const emotionWindows = pgTable(
  'emotion_windows',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    window: integer('window').notNull(),
    closedAt: instant('closed_at').notNull(),
    framesReceived: integer('frames_received').notNull(),
    framesAnalysed: integer('frames_analysed').notNull(),
    emotion: text('emotion').$type<Emotion>().notNull(),
    confidence: real('confidence').notNull(),
    uncertain: boolean('uncertain').notNull(),
    scores: jsonb('scores').$type<EmotionScores>().notNull(),
    valence: real('valence').notNull(),
    arousal: real('arousal').notNull(),
    dominance: real('dominance').notNull(),
    source: text('source').$type<AnswerSource>().notNull(),
    model: text('model').notNull(),
    /** `answered`, why the model did not answer in time, or null when no model is configured. */
    modelOutcome: text('model_outcome'),
    latencyMs: integer('latency_ms').notNull(),
    analyserVersion: text('analyser_version').notNull(),
    promptVersion: text('prompt_version'),
    /** SHA-256 of the prompt, hexadecimal: shows whether a replay asks the same. */
    promptHash: text('prompt_hash'),
    promptTokens: integer('prompt_tokens'),
    answerTokens: integer('answer_tokens'),
    /** Estimated, millionths of a US dollar. */
    costMicroUsd: integer('cost_micro_usd'),
    /** The held local answer where the model's was the one that went out. */
    localEmotion: text('local_emotion').$type<Emotion>(),
    localConfidence: real('local_confidence'),
    localScores: jsonb('local_scores').$type<EmotionScores>(),
    /** Measures of the face, encoded by domain/face/encoding.ts; points are never stored. */
    measures: bytes('measures').notNull(),
    sttSnippet: text('stt_snippet'),
    /** What the update offered to the person, at most now and then. */
    intervention: jsonb('intervention').$type<Record<string, unknown>>(),
    /** The model's answer when it came after the delivered one; no report reads it. */
    refinedEmotion: text('refined_emotion').$type<Emotion>(),
    refinedConfidence: real('refined_confidence'),
    refinedScores: jsonb('refined_scores').$type<EmotionScores>(),
    refinedValence: real('refined_valence'),
    refinedArousal: real('refined_arousal'),
    refinedDominance: real('refined_dominance'),
    refinedModel: text('refined_model'),
    refinedLatencyMs: integer('refined_latency_ms'),
    storedAt: instant('stored_at').notNull().defaultNow(),
    /** Of the lease under which it was stored. */
    epoch: integer('epoch').notNull().default(0),
    /** Null while the local answer is held and the model is still thinking. */
    answeredAt: instant('answered_at'),
    /** When the answer was sent to a socket; until then the next socket gets it. */
    deliveredAt: instant('delivered_at'),
  },
  (table) => [
    primaryKey({ name: 'emotion_windows_pkey', columns: [table.sessionId, table.window] }),
    index('emotion_windows_undelivered_idx')
      .on(table.sessionId, table.window)
      .where(sql`${table.deliveredAt} is null`),
    check('emotion_windows_window_positive', sql`${table.window} > 0`),
    check('emotion_windows_emotion_known', oneOf(table.emotion, EMOTIONS)),
    check('emotion_windows_refined_emotion_known', oneOf(table.refinedEmotion, EMOTIONS)),
    check('emotion_windows_local_emotion_known', oneOf(table.localEmotion, EMOTIONS)),
    check('emotion_windows_source_known', oneOf(table.source, ANSWER_SOURCES)),
    check('emotion_windows_confidence_range', sql`${table.confidence} between 0 and 1`),
    check(
      'emotion_windows_vad_range',
      sql`${table.valence} between -1 and 1 and ${table.arousal} between -1 and 1 and ${table.dominance} between -1 and 1`,
    ),
    check(
      'emotion_windows_frames_analysed',
      sql`${table.framesAnalysed} between 1 and ${table.framesReceived}`,
    ),
  ],
).enableRLS()

export const reports = pgTable(
  'reports',
  {
    id: text('id').primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .unique('reports_session_key')
      .references(() => sessions.id, { onDelete: 'cascade' }),
    version: integer('version').notNull(),
    content: jsonb('content').$type<Record<string, unknown>>().notNull(),
    generatedAt: instant('generated_at').notNull().defaultNow(),
  },
  (table) => [index('reports_generated_idx').on(table.generatedAt)],
).enableRLS()

/** One exchange with the AI counsellor: what was asked and what was answered. */
export const conversations = pgTable(
  'conversations',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    message: text('message').notNull(),
    response: text('response').notNull(),
    emotion: text('emotion').$type<Emotion>(),
    source: text('source').$type<AnswerSource>().notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    index('conversations_session_idx').on(table.sessionId, table.id),
    index('conversations_created_idx').on(table.createdAt),
    check('conversations_emotion_known', oneOf(table.emotion, EMOTIONS)),
    check('conversations_source_known', oneOf(table.source, ANSWER_SOURCES)),
  ],
).enableRLS()

/** Measures of the voice in one window: how it was said, never what. */
export const voiceWindows = pgTable(
  'voice_windows',
  {
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    window: integer('window').notNull(),
    closedAt: instant('closed_at').notNull(),
    measures: jsonb('measures').$type<Record<string, number>>().notNull(),
  },
  (table) => [
    primaryKey({ name: 'voice_windows_pkey', columns: [table.sessionId, table.window] }),
    check('voice_windows_window_positive', sql`${table.window} > 0`),
  ],
).enableRLS()

/** A turn of thought that something said or written showed; kept without the words themselves. */
export const cbtFindings = pgTable(
  'cbt_findings',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    at: instant('at').notNull(),
    detections: jsonb('detections').$type<Record<string, unknown>[]>().notNull(),
    intervention: jsonb('intervention').$type<Record<string, unknown>>(),
    /** Words of self-harm: no exercises then, but the crisis lines, and a flag in the owner's report. */
    isCrisis: boolean('is_crisis').notNull().default(false),
  },
  (table) => [
    index('cbt_findings_session_idx').on(table.sessionId, table.id),
    uniqueIndex('cbt_findings_session_at_key').on(table.sessionId, table.at),
  ],
).enableRLS()
