import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { bigint, check, index, jsonb, pgTable, smallint, text } from 'drizzle-orm/pg-core'
import { COUNSELING_STATUSES, type CounselingStatus } from '../../domain/counseling.ts'
import { users } from './accounts.ts'
import { createdAt, instant, oneOf } from './columns.ts'
import { sessions } from './sessions.ts'

/** The later of the last change and the appointed time; a future appointment is not over. */
export const overAt = (table: { readonly updatedAt: SQLWrapper; readonly scheduledAt: SQLWrapper }): SQL =>
  sql`greatest(${table.updatedAt}, coalesce(${table.scheduledAt}, ${table.updatedAt}))`

export const counselings = pgTable(
  'counselings',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    sessionId: text('session_id').references(() => sessions.id, { onDelete: 'set null' }),
    type: text('type').notNull(),
    status: text('status').$type<CounselingStatus>().notNull().default('pending'),
    scheduledAt: instant('scheduled_at'),
    notes: text('notes'),
    survey: jsonb('survey').$type<Record<string, unknown>>(),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    index('counselings_user_idx').on(table.userId, table.status, table.id),
    index('counselings_session_idx').on(table.sessionId),
    index('counselings_over_idx').on(overAt(table)),
    check('counselings_status_known', oneOf(table.status, COUNSELING_STATUSES)),
  ],
).enableRLS()

export const feedbacks = pgTable(
  'feedbacks',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    sessionId: text('session_id').references(() => sessions.id, { onDelete: 'cascade' }),
    rating: smallint('rating').notNull(),
    note: text('note'),
    category: text('category'),
    createdAt: createdAt(),
  },
  (table) => [
    index('feedbacks_user_idx').on(table.userId, table.id),
    index('feedbacks_session_idx').on(table.sessionId),
    index('feedbacks_created_idx').on(table.createdAt),
    check('feedbacks_rating_range', sql`${table.rating} between 1 and 5`),
  ],
).enableRLS()
