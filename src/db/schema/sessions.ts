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

/** Labels of the two parties from `start`; stored and returned unchanged, without effect. */
export type SessionLabels = { readonly userId?: string | number; readonly counselorId?: string | number }

export const sessions = pgTable(
  'sessions',
  {
    id: text('id').primaryKey(),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** The device that started it; its logout ends the session. Updated when the device is renamed. */
    familyId: text('family_id').references(() => refreshFamilies.id, {
      onDelete: 'set null',
      onUpdate: 'cascade',
    }),
    labels: jsonb('labels').$type<SessionLabels>().notNull().default({}),
    status: text('status').$type<SessionStatus>().notNull().default('active'),
    /** Length of a window. In the row, so that a configuration change does not shift a running schedule. */
    intervalMs: integer('interval_ms').notNull(),
    startedAt: instant('started_at').notNull().defaultNow(),
    pausedAt: instant('paused_at'),
    resumedAt: instant('resumed_at'),
    endedAt: instant('ended_at'),
    endReason: text('end_reason').$type<EndReason>(),
    /** The first response to `end`, returned verbatim later. */
    endAnswer: jsonb('end_answer').$type<Record<string, unknown>>(),
    landmarkCount: bigint('landmark_count', { mode: 'number' }).notNull().default(0),
    /** The owner, under a lease that must be renewed. */
    leaseOwner: text('lease_owner'),
    /** Rises with every change of owner; writes with an older epoch are refused. */
    leaseEpoch: integer('lease_epoch').notNull().default(0),
    leaseUntil: instant('lease_until'),
    /** Windows up to this one had ended when the owner last changed; the former owner may still store them. */
    leaseAfterWindow: integer('lease_after_window').notNull().default(0),
    /** Time of the last socket or frame. */
    seenAt: instant('seen_at').notNull().defaultNow(),
    /** Time of the last change of status or owner. */
    changedAt: instant('changed_at').notNull().defaultNow(),
    /** Time when the report was created. */
    finalisedAt: instant('finalised_at'),
    /** The baseline that this session has learnt so far; opaque, measures only. */
    baseline: bytes('baseline'),
    /** Language of all generated texts of the session. */
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

/** One analysed window of a session. A model failure is an outcome, never an emotion. */
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
    /** `answered`, the reason for a failure, or null when no model is configured. */
    modelOutcome: text('model_outcome'),
    latencyMs: integer('latency_ms').notNull(),
    analyserVersion: text('analyser_version').notNull(),
    promptVersion: text('prompt_version'),
    /** SHA-256 of the prompt, hexadecimal; shows whether a replay sends the same prompt. */
    promptHash: text('prompt_hash'),
    promptTokens: integer('prompt_tokens'),
    answerTokens: integer('answer_tokens'),
    /** Estimated, in millionths of a US dollar. */
    costMicroUsd: integer('cost_micro_usd'),
    /** The local answer, if the model's answer was sent. */
    localEmotion: text('local_emotion').$type<Emotion>(),
    localConfidence: real('local_confidence'),
    localScores: jsonb('local_scores').$type<EmotionScores>(),
    /** Measures of the face, encoded by domain/face/encoding.ts; landmarks are never stored. */
    measures: bytes('measures').notNull(),
    sttSnippet: text('stt_snippet'),
    /** The exercise that was offered with the answer, if any. */
    intervention: jsonb('intervention').$type<Record<string, unknown>>(),
    /** The model's answer if it arrived after the delivered one; not used by reports. */
    refinedEmotion: text('refined_emotion').$type<Emotion>(),
    refinedConfidence: real('refined_confidence'),
    refinedScores: jsonb('refined_scores').$type<EmotionScores>(),
    refinedValence: real('refined_valence'),
    refinedArousal: real('refined_arousal'),
    refinedDominance: real('refined_dominance'),
    refinedModel: text('refined_model'),
    refinedLatencyMs: integer('refined_latency_ms'),
    storedAt: instant('stored_at').notNull().defaultNow(),
    /** Epoch of the lease under which it was stored. */
    epoch: integer('epoch').notNull().default(0),
    /** Null while the model call is in progress. */
    answeredAt: instant('answered_at'),
    /** Time when the answer was sent to a socket; until then the next socket receives it. */
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

/** One exchange with the AI counsellor: message and response. */
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

/** Lock for the answer in a session: one at a time over all instances, until released or expired. */
export const conversationLocks = pgTable('conversation_locks', {
  sessionId: text('session_id')
    .primaryKey()
    .references(() => sessions.id, { onDelete: 'cascade' }),
  /** Random, set for each answer; only its holder releases the lock. */
  holder: text('holder').notNull(),
  expiresAt: instant('expires_at').notNull(),
}).enableRLS()

/** Measures of the voice in one window, never words. */
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

/** A cognitive distortion detected in speech or text; stored without the words. */
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
    /** Self-harm language: crisis lines instead of exercises, and a flag in the owner's report. */
    isCrisis: boolean('is_crisis').notNull().default(false),
  },
  (table) => [
    index('cbt_findings_session_idx').on(table.sessionId, table.id),
    uniqueIndex('cbt_findings_session_at_key').on(table.sessionId, table.at),
  ],
).enableRLS()
