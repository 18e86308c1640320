import { and, eq, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { emotionWindows, sessions } from '../../db/schema/index.ts'

export type NewWindowRow = typeof emotionWindows.$inferInsert

/** What the model said after the window had been answered without it. */
export type Refinement = Pick<
  NewWindowRow,
  | 'sessionId'
  | 'window'
  | 'refinedEmotion'
  | 'refinedConfidence'
  | 'refinedScores'
  | 'refinedValence'
  | 'refinedArousal'
  | 'refinedDominance'
  | 'refinedModel'
  | 'refinedLatencyMs'
>

export type ReceivedCount = { readonly sessionId: string; readonly frames: number }

export const analysisRepository = {
  /** Stores windows once: one that is there already stays as it is, and its frames are not counted again. */
  async insertWindows(orm: Orm, rows: readonly NewWindowRow[]): Promise<void> {
    if (rows.length === 0) return
    const stored = await orm
      .insert(emotionWindows)
      .values([...rows])
      .onConflictDoNothing({ target: [emotionWindows.sessionId, emotionWindows.window] })
      .returning({ sessionId: emotionWindows.sessionId, frames: emotionWindows.framesReceived })
    await analysisRepository.updateReceived(orm, stored)
  },

  async updateReceived(orm: Orm, counts: readonly ReceivedCount[]): Promise<void> {
    if (counts.length === 0) return
    const totals = new Map<string, number>()
    for (const { sessionId, frames } of counts) totals.set(sessionId, (totals.get(sessionId) ?? 0) + frames)
    // In one order everywhere, so that two writers never wait for each other in a circle.
    const values = [...totals]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([id, n]) => sql`(${id}, ${n}::bigint)`)
    await orm.execute(sql`
      update ${sessions} set landmark_count = landmark_count + received.frames
      from (values ${sql.join(values, sql`, `)}) as received (id, frames)
      where ${sessions.id} = received.id`)
  },

  async updateRefined(orm: Orm, { sessionId, window, ...refined }: Refinement): Promise<void> {
    await orm
      .update(emotionWindows)
      .set(refined)
      .where(and(eq(emotionWindows.sessionId, sessionId), eq(emotionWindows.window, window)))
  },
}

export type AnalysisRepository = typeof analysisRepository
