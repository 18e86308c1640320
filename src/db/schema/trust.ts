import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { CHANNELS, type Channel } from '../../domain/session.ts'
import { refreshFamilies, users } from './accounts.ts'
import { createdAt, instant, oneOf } from './columns.ts'
import { sessions } from './sessions.ts'

/** Consent receipts: purpose, version of the text, time, and time of the withdrawal. */
export const consents = pgTable(
  'consents',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    purpose: text('purpose').notNull(),
    textVersion: text('text_version').notNull(),
    locale: text('locale').notNull(),
    createdAt: createdAt(),
    withdrawnAt: instant('withdrawn_at'),
  },
  (table) => [index('consents_user_idx').on(table.userId, table.purpose, table.id)],
).enableRLS()

/** Single-use admission of one socket for some seconds; only the hash of the client's ticket. */
export const tickets = pgTable(
  'tickets',
  {
    hash: text('hash').primaryKey(),
    sessionId: text('session_id')
      .notNull()
      .references(() => sessions.id, { onDelete: 'cascade' }),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** The device that requested it; null if an earlier version issued it. */
    familyId: text('family_id').references(() => refreshFamilies.id, {
      onDelete: 'cascade',
      onUpdate: 'cascade',
    }),
    channel: text('channel').$type<Channel>().notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    index('tickets_family_idx').on(table.familyId),
    index('tickets_session_idx').on(table.sessionId),
    index('tickets_user_idx').on(table.userId),
    index('tickets_expiry_idx').on(table.expiresAt),
    check('tickets_channel_known', oneOf(table.channel, CHANNELS)),
  ],
).enableRLS()

/** Failed attempts by account and by address, over all instances. Keys are hashes. */
export const throttles = pgTable(
  'throttles',
  {
    key: text('key').primaryKey(),
    failures: integer('failures').notNull(),
    firstAt: instant('first_at').notNull().defaultNow(),
    lastAt: instant('last_at').notNull().defaultNow(),
  },
  (table) => [
    index('throttles_last_idx').on(table.lastAt),
    check('throttles_failures_positive', sql`${table.failures} > 0`),
  ],
).enableRLS()

/** Events in which the trail attests its own state: few among many rows, with their own index. */
export const isAttestation = (table: { readonly event: SQLWrapper }): SQL =>
  sql`${table.event} in ('audit_sealed', 'audit_checkpoint', 'audit_gap', 'audit_healed')`

/**
 * Audit trail: event, user, time and address; never contents. The rows of a chain form a hash chain, and triggers
 * refuse updates and deletions (`drizzle/*_audit_append_only.sql`).
 */
export const auditLog = pgTable(
  'audit_log',
  {
    chain: text('chain').notNull(),
    place: bigint('place', { mode: 'number' }).notNull(),
    at: instant('at').notNull(),
    event: text('event').notNull(),
    /** Keyed pseudonyms; the key is deleted with the user's account. */
    actor: text('actor'),
    subject: text('subject'),
    address: text('address'),
    details: jsonb('details').$type<Record<string, string | number | boolean | null>>().notNull().default({}),
    previous: text('previous').notNull(),
    hash: text('hash').notNull(),
  },
  (table) => [
    primaryKey({ name: 'audit_log_pkey', columns: [table.chain, table.place] }),
    index('audit_log_at_idx').on(table.at),
    index('audit_log_subject_idx').on(table.subject, table.chain, table.place),
    index('audit_log_attested_idx').on(table.event, table.chain, table.place).where(isAttestation(table)),
  ],
).enableRLS()
