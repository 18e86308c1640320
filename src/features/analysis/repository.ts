import { and, asc, desc, eq, gt, inArray, isNotNull, isNull, or, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { emotionWindows, sessions } from '../../db/schema/index.ts'

export type WindowRow = typeof emotionWindows.$inferSelect
export type NewWindowRow = typeof emotionWindows.$inferInsert

/** A write that is made only while the session's lease has this epoch. */
export type Fenced<Row> = { readonly epoch: number; readonly row: Row }

type WindowKey = { readonly sessionId: string; readonly window: number }

/** The answer of a window whose local answer was stored at its close. */
export type AnswerRow = WindowKey &
  Pick<
    WindowRow,
    | 'emotion'
    | 'confidence'
    | 'uncertain'
    | 'scores'
    | 'valence'
    | 'arousal'
    | 'dominance'
    | 'source'
    | 'model'
    | 'modelOutcome'
    | 'latencyMs'
  >

/** What the model said after the window had been answered without it. */
export type Refinement = WindowKey &
  Pick<
    NewWindowRow,
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

const keyOf = ({ sessionId, window }: WindowKey) => `${sessionId} ${window}`

const atKey = ({ sessionId, window }: WindowKey) =>
  and(eq(emotionWindows.sessionId, sessionId), eq(emotionWindows.window, window))

const pairs = (entries: readonly (readonly [string, number])[]) =>
  sql.join(
    entries.map(([id, n]) => sql`(${id}, ${n}::bigint)`),
    sql`, `,
  )

export const analysisRepository = {
  /**
   * Stores windows once and returns the keys of those it stored. One that is there already stays as it is; one whose
   * lease has passed on, or whose session is gone, is not stored. Locks on the sessions make a change of owner wait until
   * the windows it must know of are there.
   */
  async insertWindows(orm: Orm, writes: readonly Fenced<NewWindowRow>[]): Promise<ReadonlySet<string>> {
    const allowed = await analysisRepository.lockEpochs(
      orm,
      writes.map(({ epoch, row }) => [row.sessionId, epoch]),
    )
    const rows = writes.flatMap(({ epoch, row }) => (allowed.get(row.sessionId) === epoch ? [row] : []))
    if (rows.length === 0) return new Set()
    const stored = await orm
      .insert(emotionWindows)
      .values(rows)
      .onConflictDoNothing({ target: [emotionWindows.sessionId, emotionWindows.window] })
      .returning({
        sessionId: emotionWindows.sessionId,
        window: emotionWindows.window,
        frames: emotionWindows.framesReceived,
      })
    await analysisRepository.updateReceived(orm, stored)
    const missing = rows.filter((row) => !stored.some((other) => keyOf(other) === keyOf(row)))
    const before = await analysisRepository.listStoredBefore(orm, missing)
    return new Set([...stored, ...before].map(keyOf))
  },

  /** Rows that an earlier try of ours stored although its commit was never confirmed: same window, same lease. */
  listStoredBefore: async (orm: Orm, rows: readonly NewWindowRow[]): Promise<readonly WindowKey[]> => {
    if (rows.length === 0) return []
    return orm
      .select({ sessionId: emotionWindows.sessionId, window: emotionWindows.window })
      .from(emotionWindows)
      .where(or(...rows.map((row) => and(atKey(row), eq(emotionWindows.epoch, row.epoch ?? 0)))))
  },

  keyOf,

  /** The epochs of these sessions now, held still until the transaction ends. */
  async lockEpochs(
    orm: Orm,
    leases: readonly (readonly [string, number])[],
  ): Promise<ReadonlyMap<string, number>> {
    if (leases.length === 0) return new Map()
    const ids = [...new Set(leases.map(([id]) => id))]
    const rows = await orm
      .select({ id: sessions.id, epoch: sessions.leaseEpoch })
      .from(sessions)
      .where(inArray(sessions.id, ids))
      .orderBy(asc(sessions.id))
      .for('no key update')
    return new Map(rows.map(({ id, epoch }) => [id, epoch]))
  },

  /** Adds the model's outcome to windows that are stored and still without one; returns the keys it changed. */
  async updateAnswers(orm: Orm, writes: readonly Fenced<AnswerRow>[]): Promise<ReadonlySet<string>> {
    const allowed = await analysisRepository.lockEpochs(
      orm,
      writes.map(({ epoch, row }) => [row.sessionId, epoch]),
    )
    const changed = new Set<string>()
    for (const { epoch, row } of writes) {
      if (allowed.get(row.sessionId) !== epoch) continue
      const { sessionId, window, ...answer } = row
      const rows = await orm
        .update(emotionWindows)
        .set({ ...answer, answeredAt: sql`now()` })
        .where(and(atKey({ sessionId, window }), isNull(emotionWindows.answeredAt)))
        .returning({ window: emotionWindows.window })
      if (rows.length > 0 || (await analysisRepository.isAnsweredBefore(orm, epoch, row)))
        changed.add(keyOf(row))
    }
    return changed
  },

  /** Whether an earlier try of ours stored this answer although its commit was never confirmed. */
  async isAnsweredBefore(orm: Orm, epoch: number, row: AnswerRow): Promise<boolean> {
    const same = and(
      atKey(row),
      eq(emotionWindows.epoch, epoch),
      isNotNull(emotionWindows.answeredAt),
      sql`${emotionWindows.modelOutcome} is not distinct from ${row.modelOutcome}`,
    )
    return (await orm.$count(emotionWindows, same)) > 0
  },

  async updateReceived(orm: Orm, counts: readonly ReceivedCount[]): Promise<void> {
    if (counts.length === 0) return
    const totals = new Map<string, number>()
    for (const { sessionId, frames } of counts) totals.set(sessionId, (totals.get(sessionId) ?? 0) + frames)
    // In one order everywhere, so that two writers never wait for each other in a circle.
    const ordered = [...totals].sort(([a], [b]) => (a < b ? -1 : 1))
    await orm.execute(sql`
      update ${sessions} set landmark_count = landmark_count + received.frames
      from (values ${pairs(ordered)}) as received (id, frames)
      where ${sessions.id} = received.id`)
  },

  async updateDelivered(orm: Orm, windows: readonly WindowKey[]): Promise<void> {
    if (windows.length === 0) return
    await orm.execute(sql`
      update ${emotionWindows} set delivered_at = now()
      from (values ${pairs(windows.map(({ sessionId, window }) => [sessionId, window]))}) as sent (id, number)
      where ${emotionWindows.sessionId} = sent.id and ${emotionWindows.window} = sent.number
        and ${emotionWindows.deliveredAt} is null`)
  },

  async updateRefined(orm: Orm, { sessionId, window, ...refined }: Refinement): Promise<void> {
    await orm.update(emotionWindows).set(refined).where(atKey({ sessionId, window }))
  },

  /** Windows whose owner died between close and answer get the local answer that was stored with them. */
  async answerOrphans(orm: Orm, sessionId: string): Promise<void> {
    await orm
      .update(emotionWindows)
      .set({ answeredAt: sql`now()`, modelOutcome: 'owner_lost' })
      .where(and(eq(emotionWindows.sessionId, sessionId), isNull(emotionWindows.answeredAt)))
  },

  /** Windows whose answer no socket has been sent yet, the latest `limit`, in order. */
  listUndelivered: async (orm: Orm, sessionId: string, limit: number): Promise<WindowRow[]> =>
    (
      await orm
        .select()
        .from(emotionWindows)
        .where(and(eq(emotionWindows.sessionId, sessionId), isNull(emotionWindows.deliveredAt)))
        .orderBy(desc(emotionWindows.window))
        .limit(limit)
    ).reverse(),

  /** Answered windows after `window`, the latest `limit`, in order. */
  listAnswersSince: async (
    orm: Orm,
    sessionId: string,
    window: number,
    limit: number,
  ): Promise<WindowRow[]> =>
    (
      await orm
        .select()
        .from(emotionWindows)
        .where(
          and(
            eq(emotionWindows.sessionId, sessionId),
            gt(emotionWindows.window, window),
            isNotNull(emotionWindows.answeredAt),
          ),
        )
        .orderBy(desc(emotionWindows.window))
        .limit(limit)
    ).reverse(),

  findLastWindow: async (orm: Orm, sessionId: string): Promise<number> => {
    const [row] = await orm
      .select({ window: emotionWindows.window })
      .from(emotionWindows)
      .where(eq(emotionWindows.sessionId, sessionId))
      .orderBy(desc(emotionWindows.window))
      .limit(1)
    return row?.window ?? 0
  },
}

export type AnalysisRepository = typeof analysisRepository
