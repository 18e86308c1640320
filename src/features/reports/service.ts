import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { type CrisisLine, crisisLines } from '../../domain/crisis/lines.ts'
import type { Language } from '../../domain/language.ts'
import { queriedOf } from '../../domain/report/queried.ts'
import {
  buildKeptReport,
  inLanguage,
  type KeptReport,
  type ReportedRows,
  type ReportedWindow,
  toSummary,
  withTimelines,
} from '../../domain/report.ts'
import { zoneOf } from '../../domain/zone.ts'
import { AppError } from '../../errors.ts'
import { within } from '../../lib/deadline.ts'
import type { Safe } from '../../lib/sealing.ts'
import type { Vault } from '../../plugins/vault.ts'
import type { PrintedReport } from './pdf/printed-report.ts'
import { createForgotten } from './forgotten.ts'
import type { ReportPart, ReportRow, ReportsRepository, SessionRow } from './repository.ts'
import { fromCursor, toPage } from './timeline.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: ReportsRepository
  /** What people said is sealed in what is stored. */
  readonly vault: Pick<Vault, 'safeOf' | 'safesOfSessions'>
  /** Crisis lines that replace the built-in ones. */
  readonly configuredLines?: readonly CrisisLine[]
  readonly onFinalised: (sessionId: string) => void
  /** Longest time after the end in which the owner's last window may still be under way. */
  readonly graceMs: number
  readonly monotonic?: () => number
}

type Held = {
  readonly session: SessionRow
  readonly report: ReportRow | null
  readonly kept: KeptReport
  readonly timezone: string | null
  /** What it was made from, when that was just now. */
  readonly windows?: readonly ReportedWindow[]
}
type FullReport = PrintedReport & { readonly version: number }

/** Raised when the shape of what is stored changes. */
const REPORT_VERSION = 3
/** What can be read as it is: a report of version 2 holds its timelines as well. */
const READABLE: ReadonlySet<number> = new Set([2, REPORT_VERSION])
/** How long a caller is kept waiting for a report that is being made. */
const HOLD_MS = 10_000
/** Clients ask in the same instant as they end: the end may be on its way when the question is here. */
const END_MS = 1000
/** Windows on a page of the timeline, unless the caller says how many. */
const PAGE_LIMIT = 100
/** A notice that a report is done may be lost: the row is looked at as often as this. */
const LOOK_MS = 500

const CONTENT = 'reports.content'

/** A report's content was written by this room; nothing else writes that column. */
const keptOf = (sessionId: string, stored: Record<string, unknown>, safe: Safe): KeptReport =>
  safe.openJson(stored, CONTENT, sessionId) as unknown as KeptReport

export function createReportService(dependencies: Dependencies) {
  const { database, repository, vault, configuredLines, onFinalised, graceMs } = dependencies
  const { orm } = database
  const waiting = new Map<string, Set<() => void>>()
  const forgotten = createForgotten({
    list: (limit, after) => repository.listUnfinalised(orm, graceMs, limit, after),
    monotonic: dependencies.monotonic ?? (() => performance.now()),
  })

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

  const build = (session: SessionRow, rows: ReportedRows): KeptReport => {
    const { id: sessionId, labels, language, startedAt } = session
    const endedAt = (session.endedAt ?? new Date()).getTime()
    return buildKeptReport({ sessionId, labels, language, startedAt: startedAt.getTime(), endedAt }, rows)
  }

  const owned = async (sessionId: string, userId: number, part: ReportPart) => {
    const found = await repository.find(orm, sessionId, part)
    if (found?.session.userId !== userId) throw new AppError('SESSION_NOT_FOUND')
    return found
  }

  /** The stored report; what there is so far when the session goes on or its report is not done in time. */
  const held = async (sessionId: string, userId: number, part: ReportPart): Promise<Held> => {
    const askedAt = Date.now()
    for (;;) {
      const { session, report, timezone } = await owned(sessionId, userId, part)
      if (report !== null && READABLE.has(report.version))
        return {
          session,
          report,
          timezone,
          kept: keptOf(sessionId, report.content, await vault.safeOf(userId)),
        }
      const left = askedAt + (session.status === 'ended' ? HOLD_MS : END_MS) - Date.now()
      // One of an older shape is made again as it was made then: from the rows.
      if (report !== null || left <= 0) {
        const rows = await repository.listRows(orm, sessionId, await vault.safeOf(userId))
        return { session, report, timezone, kept: build(session, rows), windows: rows.windows }
      }
      await nextNews(sessionId, Math.min(LOOK_MS, left))
    }
  }

  /**
   * Makes the report of an ended session, once, whoever tries and however often. Left alone while an instance still
   * owns the session, for its last window may be under way; `settledBy` is the one that says that it is not.
   */
  const finalise = async (sessionId: string, settledBy: string | null): Promise<void> => {
    // Before the transaction, which is not to wait for a second connection.
    const safe = (await vault.safesOfSessions([sessionId])).get(sessionId)
    if (safe === undefined) return
    const done = await orm.transaction(async (tx) => {
      const found = await repository.lockEnded(tx, sessionId, settledBy, graceMs)
      if (found === undefined || found.session.finalisedAt !== null || found.busy) return false
      if (found.session.endReason !== 'consent_withdrawn') await repository.answerOrphans(tx, sessionId)
      const kept = build(found.session, await repository.listRows(tx, sessionId, safe))
      const content = safe.sealJson(kept, CONTENT, sessionId, queriedOf(kept))
      const reportId = `rep_${randomBytes(16).toString('base64url')}`
      return repository.insertReport(tx, { id: reportId, sessionId, version: REPORT_VERSION, content })
    })
    if (!done) return
    wake(sessionId)
    onFinalised(sessionId)
  }

  return {
    wake,

    finalise,

    /**
     * Finalises up to `limit` sessions of what an instance that died has left behind. One that fails holds up no other:
     * the next call goes on behind it, and it is tried again after a pause. Rejects with the first failure at the end.
     */
    async finaliseForgotten(limit: number): Promise<void> {
      const failures: unknown[] = []
      for (const { id } of await forgotten.next(limit)) {
        try {
          await finalise(id, null)
          forgotten.forget(id)
        } catch (error) {
          forgotten.postpone(id)
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },

    async summary(sessionId: string, userId: number) {
      const { session, kept } = await held(sessionId, userId, 'short')
      return { ...toSummary(kept), status: session.status, endedAt: session.endedAt?.getTime() ?? null }
    },

    /** The report in the language of its session, or in another. */
    async report(sessionId: string, userId: number, language?: Language): Promise<FullReport> {
      const { session, report, timezone, kept, windows } = await held(sessionId, userId, 'whole')
      // As many as there were: what is stored after a report is made does not change it.
      const read = windows ?? (await repository.listWindows(orm, sessionId, kept.statistics.windows))
      const content = withTimelines(kept, read)
      const worded = language === undefined ? content : inLanguage(content, language)
      const { isFlagged } = worded.analysis.overallAssessment.forCounsellor
      return {
        reportId: report?.id ?? null,
        generatedAt: (report?.generatedAt ?? new Date()).getTime(),
        version: REPORT_VERSION,
        intervalMs: session.intervalMs,
        timezone: zoneOf(timezone),
        ...worded,
        metadata: { ...worded.metadata, status: session.status },
        crisisLines: isFlagged ? crisisLines(worded.metadata.language, configuredLines) : [],
      }
    },

    /** Up to `limit` answered windows after `cursor`, oldest first. Waits for nothing. */
    async timeline(sessionId: string, userId: number, page: { cursor?: string; limit?: number }) {
      const { session } = await owned(sessionId, userId, 'short')
      const { cursor, limit = PAGE_LIMIT } = page
      const rows = await repository.listTimeline(orm, sessionId, fromCursor(cursor), limit + 1)
      return toPage(rows, limit, session.startedAt)
    },
  }
}

export type ReportService = ReturnType<typeof createReportService>
