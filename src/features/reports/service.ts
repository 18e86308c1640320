import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { buildReport, type ReportContent, toSummary } from '../../domain/report.ts'
import { AppError } from '../../errors.ts'
import { within } from '../../lib/deadline.ts'
import type { ReportsRepository, SessionRow } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: ReportsRepository
  readonly onFinalised: (sessionId: string) => void
  /** Longest time after the end in which the owner's last window may still be under way. */
  readonly graceMs: number
}

/** Raised when the shape of what is stored changes. */
const REPORT_VERSION = 1
/** How long a caller is kept waiting for a report that is being made. */
const HOLD_MS = 10_000
/** Clients ask in the same instant as they end: the end may be on its way when the question is here. */
const END_MS = 1000
/** A notice that a report is done may be lost: the row is looked at as often as this. */
const LOOK_MS = 500

/** A report's content was written by this room; nothing else writes that column. */
const contentOf = (stored: Record<string, unknown>): ReportContent => stored as unknown as ReportContent

export function createReportService({ database, repository, onFinalised, graceMs }: Dependencies) {
  const { orm } = database
  const waiting = new Map<string, Set<() => void>>()

  const wake = (sessionId: string) => {
    for (const resolve of waiting.get(sessionId) ?? []) resolve()
  }

  /** Until the report is done or `ms` have passed. */
  const nextNews = async (sessionId: string, ms: number): Promise<void> => {
    const resolvers = waiting.get(sessionId) ?? new Set()
    waiting.set(sessionId, resolvers)
    let resolve: () => void = () => undefined
    const news = new Promise<void>((done) => {
      resolve = done
    })
    resolvers.add(resolve)
    await within(news, ms)
    resolvers.delete(resolve)
    if (resolvers.size === 0) waiting.delete(sessionId)
  }

  const build = async (session: SessionRow): Promise<ReportContent> => {
    const windows = await repository.listWindows(orm, session.id)
    const { id: sessionId, labels, startedAt, endedAt } = session
    const times = { startedAt: startedAt.getTime(), endedAt: (endedAt ?? new Date()).getTime() }
    return buildReport({ sessionId, labels, ...times }, windows, 'ko')
  }

  const owned = async (sessionId: string, userId: number): Promise<SessionRow> => {
    const session = await repository.find(orm, sessionId)
    if (session?.userId !== userId) throw new AppError('SESSION_NOT_FOUND')
    return session
  }

  /** The stored report; what there is so far when the session goes on or its report is not done in time. */
  const held = async (sessionId: string, userId: number) => {
    const askedAt = Date.now()
    for (;;) {
      const report = await repository.findReport(orm, sessionId)
      const session = await owned(sessionId, userId)
      if (report !== undefined) return { session, report, content: contentOf(report.content) }
      const left = askedAt + (session.status === 'ended' ? HOLD_MS : END_MS) - Date.now()
      if (left <= 0) return { session, report: undefined, content: await build(session) }
      await nextNews(sessionId, Math.min(LOOK_MS, left))
    }
  }

  return {
    wake,

    /**
     * Makes the report of an ended session, once, whoever tries and however often. Left alone while an instance still
     * owns the session, for its last window may be under way; `settledBy` is the one that says that it is not.
     */
    async finalise(sessionId: string, settledBy: string | null): Promise<void> {
      const done = await orm.transaction(async (tx) => {
        const found = await repository.lockEnded(tx, sessionId, settledBy, graceMs)
        if (found === undefined || found.session.finalisedAt !== null || found.busy) return false
        await repository.answerOrphans(tx, sessionId)
        const { id, labels, startedAt, endedAt } = found.session
        const times = { startedAt: startedAt.getTime(), endedAt: (endedAt ?? startedAt).getTime() }
        const windows = await repository.listWindows(tx, sessionId)
        const content = buildReport({ sessionId: id, labels, ...times }, windows, 'ko')
        const reportId = `rep_${randomBytes(16).toString('base64url')}`
        return repository.insertReport(tx, { id: reportId, sessionId, version: REPORT_VERSION, content })
      })
      if (!done) return
      wake(sessionId)
      onFinalised(sessionId)
    },

    /** Finalises what an instance that died has left behind. */
    async finaliseForgotten(limit: number): Promise<void> {
      for (const id of await repository.listUnfinalised(orm, graceMs, limit)) await this.finalise(id, null)
    },

    async summary(sessionId: string, userId: number) {
      const { session, content } = await held(sessionId, userId)
      return { ...toSummary(content), status: session.status, endedAt: session.endedAt?.getTime() ?? null }
    },

    async report(sessionId: string, userId: number) {
      const { session, report, content } = await held(sessionId, userId)
      return {
        reportId: report?.id ?? null,
        generatedAt: (report?.generatedAt ?? new Date()).getTime(),
        version: report?.version ?? REPORT_VERSION,
        ...content,
        metadata: { ...content.metadata, status: session.status },
      }
    },
  }
}

export type ReportService = ReturnType<typeof createReportService>
