import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core'
import { ROLES, type Role } from '../../domain/role.ts'
import { bytes, createdAt, instant, oneOf } from './columns.ts'

export const users = pgTable(
  'users',
  {
    /**
     * Random number, set by the server at signup, so that no id is reused. The sequence is for rows of other programs.
     */
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    username: text('username').notNull(),
    /** Lower case and trimmed, for comparison. */
    email: text('email').notNull(),
    /** PHC string, argon2id. */
    passwordHash: text('password_hash').notNull(),
    profileImage: text('profile_image'),
    /** The user's data key, wrapped with an operator key; null for a row of another program. */
    dataKey: bytes('data_key'),
    role: text('role').$type<Role>().notNull().default(ROLES[0]),
    /** Since when the account is disabled: it has no devices, and login treats it as unknown. */
    disabledAt: instant('disabled_at'),
    createdAt: createdAt(),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex('users_email_key').on(table.email),
    uniqueIndex('users_username_key').on(sql`lower(${table.username})`),
    check('users_email_lower', sql`${table.email} = lower(${table.email})`),
    check('users_role_known', oneOf(table.role, ROLES)),
  ],
).enableRLS()

/** One row per logged-in device; its counter is the only refresh state. */
export const refreshFamilies = pgTable(
  'refresh_families',
  {
    id: text('id').primaryKey(),
    userId: bigint('user_id', { mode: 'number' })
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    counter: integer('counter').notNull().default(1),
    /** When the current counter was issued. */
    rotatedAt: instant('rotated_at').notNull().defaultNow(),
    /** Whether an access token of the current counter has been used. */
    confirmed: boolean('confirmed').notNull().default(false),
    expiresAt: instant('expires_at').notNull(),
    revokedAt: instant('revoked_at'),
    createdAt: createdAt(),
  },
  (table) => [
    index('refresh_families_user_idx').on(table.userId),
    index('refresh_families_expiry_idx').on(table.expiresAt),
    index('refresh_families_revoked_idx').on(table.revokedAt).where(sql`${table.revokedAt} is not null`),
    check('refresh_families_counter_positive', sql`${table.counter} > 0`),
  ],
).enableRLS()

export const userPreferences = pgTable('user_preferences', {
  userId: bigint('user_id', { mode: 'number' })
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  preferences: jsonb('preferences').$type<Record<string, unknown>>().notNull().default({}),
  updatedAt: instant('updated_at').notNull().defaultNow(),
}).enableRLS()

/** A user's baseline, kept from session to session with consent; opaque, measures only. */
export const baselines = pgTable('baselines', {
  userId: bigint('user_id', { mode: 'number' })
    .primaryKey()
    .references(() => users.id, { onDelete: 'cascade' }),
  measures: bytes('measures').notNull(),
  updatedAt: instant('updated_at').notNull().defaultNow(),
}).enableRLS()
