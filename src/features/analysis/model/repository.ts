import { eq, sql, sum } from 'drizzle-orm'
import type { Orm } from '../../../db/orm.ts'
import { emotionWindows, modelAllowances, modelUsage } from '../../../db/schema/index.ts'
import type { Slice } from './allowance.ts'
import type { UsageRow } from './usage.ts'

export const modelRepository = {
  /** Adds to the day's rows. In one order everywhere, so that two writers never wait for each other in a circle. */
  async addUsage(orm: Orm, rows: readonly UsageRow[]): Promise<void> {
    if (rows.length === 0) return
    const more = (column: string) => sql.raw(`model_usage.${column} + excluded.${column}`)
    await orm
      .insert(modelUsage)
      .values([...rows])
      .onConflictDoUpdate({
        target: [modelUsage.day, modelUsage.model],
        set: {
          requests: more('requests'),
          promptTokens: more('prompt_tokens'),
          answerTokens: more('answer_tokens'),
          costMicroUsd: more('cost_micro_usd'),
        },
      })
  },

  /** Cost of a day over all instances and models, millionths of a US dollar. */
  async findCostOfDay(orm: Orm, day: string): Promise<number> {
    const [row] = await orm
      .select({ cost: sum(modelUsage.costMicroUsd) })
      .from(modelUsage)
      .where(eq(modelUsage.day, day))
    return Number(row?.cost ?? 0)
  },

  /** Cost of a session's windows so far, millionths of a US dollar; null when the price of some is not known. */
  async findCostOfSession(orm: Orm, sessionId: string) {
    const [row] = await orm
      .select({
        promptTokens: sum(emotionWindows.promptTokens),
        answerTokens: sum(emotionWindows.answerTokens),
        costMicroUsd: sum(emotionWindows.costMicroUsd),
        unpriced: sql<boolean>`coalesce(bool_or(${emotionWindows.promptTokens} is not null and ${emotionWindows.costMicroUsd} is null), false)`,
      })
      .from(emotionWindows)
      .where(eq(emotionWindows.sessionId, sessionId))
    return {
      promptTokens: Number(row?.promptTokens ?? 0),
      answerTokens: Number(row?.answerTokens ?? 0),
      costMicroUsd: row?.unpriced === true ? null : Number(row?.costMicroUsd ?? 0),
    }
  },

  /**
   * Takes each slice from its bucket, or leaves it when the bucket does not hold that much; the keys of those taken.
   * A bucket that nobody has used yet is full.
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
