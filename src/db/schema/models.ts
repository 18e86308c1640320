import { bigint, date, doublePrecision, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core'
import { instant } from './columns.ts'

/** Requests, tokens and cost of each model per day (UTC), over all instances. */
export const modelUsage = pgTable(
  'model_usage',
  {
    day: date('day').notNull(),
    model: text('model').notNull(),
    requests: integer('requests').notNull().default(0),
    promptTokens: bigint('prompt_tokens', { mode: 'number' }).notNull().default(0),
    answerTokens: bigint('answer_tokens', { mode: 'number' }).notNull().default(0),
    /** Estimated, in millionths of a US dollar. */
    costMicroUsd: bigint('cost_micro_usd', { mode: 'number' }).notNull().default(0),
  },
  (table) => [primaryKey({ name: 'model_usage_pkey', columns: [table.day, table.model] })],
).enableRLS()

/** Token buckets that all instances share: requests and tokens per minute. */
export const modelAllowances = pgTable('model_allowances', {
  key: text('key').primaryKey(),
  level: doublePrecision('level').notNull(),
  filledAt: instant('filled_at').notNull().defaultNow(),
}).enableRLS()
