import { eq, sql, sum } from 'drizzle-orm'
import type { Orm } from '../db/orm.ts'
import { modelAllowances, modelUsage } from '../db/schema/index.ts'
import type { Slice } from './allowance.ts'
import type { SettlementId, UsageRow } from './usage.ts'

/** Key prefix of a writer's row among the allowances. */
const SETTLEMENT = 'settled '

export const modelRepository = {
  /**
   * Adds to the day's rows. Idempotent per settlement: the writer's last number is stored with the token buckets. Rows
   * are always in the same order, so that writers do not deadlock.
   */
  async addUsage(orm: Orm, { writer, number }: SettlementId, rows: readonly UsageRow[]): Promise<void> {
    if (rows.length === 0) return
    await orm.execute(sql`
      with settlement as (
        insert into ${modelAllowances} as last (key, level, filled_at)
        values (${SETTLEMENT + writer}, ${number}::float8, now())
        on conflict (key) do update set level = excluded.level, filled_at = now()
        where last.level < excluded.level
        returning key
      )
      insert into ${modelUsage} as spent (day, model, requests, prompt_tokens, answer_tokens, cost_micro_usd)
      select added.* from settlement, jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as added (
        "day" date, "model" text, "requests" int, "promptTokens" bigint, "answerTokens" bigint, "costMicroUsd" bigint)
      on conflict (day, model) do update set
        requests = spent.requests + excluded.requests,
        prompt_tokens = spent.prompt_tokens + excluded.prompt_tokens,
        answer_tokens = spent.answer_tokens + excluded.answer_tokens,
        cost_micro_usd = spent.cost_micro_usd + excluded.cost_micro_usd`)
  },

  /** Deletes the settlements of writers that have not settled for a day. */
  async deleteOldSettlements(orm: Orm): Promise<void> {
    await orm.execute(sql`
      delete from ${modelAllowances}
      where key like ${`${SETTLEMENT}%`} and filled_at < now() - interval '1 day'`)
  },

  /** Cost of a day over all instances and models, in millionths of a US dollar. */
  async findCostOfDay(orm: Orm, day: string): Promise<number> {
    const [row] = await orm
      .select({ cost: sum(modelUsage.costMicroUsd) })
      .from(modelUsage)
      .where(eq(modelUsage.day, day))
    return Number(row?.cost ?? 0)
  },

  /**
   * Takes each slice from its bucket if the bucket contains that much; returns the keys of the taken ones. A new bucket
   * is full.
   */
  async drawSlices(orm: Orm, slices: readonly Slice[]): Promise<ReadonlySet<string>> {
    if (slices.length === 0) return new Set()
    const ordered = [...slices].sort((a, b) => (a.key < b.key ? -1 : 1))
    const wanted = sql.join(
      ordered.map(
        ({ key, amount, capacity, perSecond }) =>
          sql`(${key}, ${amount}::float8, ${capacity}::float8, ${perSecond}::float8)`,
      ),
      sql`, `,
    )
    const rows = await orm.execute<{ key: string }>(sql`
      with wanted (key, amount, capacity, per_second) as (values ${wanted}),
      taken as (
        update ${modelAllowances} as bucket
        set level = least(capacity, level + greatest(0, extract(epoch from clock_timestamp() - filled_at)) * per_second) - amount,
            filled_at = clock_timestamp()
        from wanted
        where bucket.key = wanted.key
          and least(capacity, level + greatest(0, extract(epoch from clock_timestamp() - filled_at)) * per_second) >= amount
        returning bucket.key
      ),
      made as (
        insert into ${modelAllowances} (key, level, filled_at)
        select key, capacity - amount, clock_timestamp() from wanted
        where not exists (select from ${modelAllowances} as bucket where bucket.key = wanted.key)
        on conflict (key) do nothing
        returning key
      )
      select key from taken union all select key from made`)
    return new Set(rows.map(({ key }) => key))
  },
}
