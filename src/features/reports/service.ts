import { randomBytes } from 'node:crypto'
import type { Database } from '../../db/client.ts'
import { SEALED } from '../../db/sealed-columns.ts'
import { type CrisisLine, crisisLines } from '../../domain/crisis/lines.ts'
import type { Language } from '../../domain/language.ts'
import {
  buildKeptReport,
  translateReport,
  type KeptReport,
  type ReportedRows,
  type ReportedWindow,
  toSummary,
  addTimelines,
} from '../../domain/report.ts'
import { resolveTimeZone } from '../../domain/zone.ts'
import { AppError } from '../../protocol/errors.ts'
import type { Safe } from '../../lib/sealing.ts'
import type { Vault } from '../../db/vault.ts'
import type { PrintedReport } from './pdf/printed-report.ts'
import { createNews } from './news.ts'
import { createOverdue } from './overdue.ts'
import type { FoundSummary, ReportsRepository, SessionRow } from './repository.ts'
import { fromCursor, toPage } from './timeline.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: ReportsRepository
  /** Opens and seals the stored content. */
  readonly vault: Pick<Vault, 'safeOf' | 'safesOfSessions'>
  /** Crisis lines that replace the built-in ones. */
  readonly configuredLines?: readonly CrisisLine[]
  readonly onFinalised: (sessionId: string) => void
  /** Time after the end within which the owner may still write the last window. */
  readonly graceMs: number
  readonly monotonic?: () => number
}

type Held = {
  readonly kept: KeptReport
  /** The windows it was built from, unless it was stored. */
  readonly windows?: readonly ReportedWindow[]
}
/** A read of the repository: the whole report, or the part for the summary. */
type Find<Found extends FoundSummary> = (
  orm: Database['orm'],
  sessionId: string,
) => Promise<Found | undefined>
type FullReport = PrintedReport & { readonly version: number }

/** Incremented when the stored shape changes. */
const REPORT_VERSION = 3
/** Versions that can be read unchanged. Reports of version 2 also contain their timelines. */
const READABLE: ReadonlySet<number> = new Set([2, REPORT_VERSION])
/** How long a request waits for a report that is being created. */
const MAX_WAIT_MS = 10_000
/** Clients request the report at the same time as the end; the end may arrive later. */
const MAX_WAIT_FOR_END_MS = 1000
/** Default number of windows per page of the timeline. */
const PAGE_LIMIT = 100
/** The row is also polled, because the notice of a finished report may be lost. */
const POLL_INTERVAL_MS = 500

const { content: CONTENT } = SEALED.reports

/** Only this feature writes the column. */
const openKept = (sessionId: string, stored: Record<string, unknown>, safe: Safe): KeptReport =>
  safe.openJson(stored, CONTENT.at({ sessionId })) as unknown as KeptReport

export function createReportService(dependencies: Dependencies) {
  const { database, repository, vault, configuredLines, onFinalised, graceMs } = dependencies
  const { orm } = database
  const news = createNews()
  const overdue = createOverdue({
    list: (limit, after) => repository.listUnfinalised(orm, graceMs, limit, after),
    monotonic: dependencies.monotonic ?? (() => performance.now()),
  })

  const build = (session: SessionRow, rows: ReportedRows): KeptReport => {
    const { id: sessionId, labels, language, startedAt } = session
    const endedAt = (session.endedAt ?? new Date()).getTime()
    return buildKeptReport({ sessionId, labels, language, startedAt: startedAt.getTime(), endedAt }, rows)
  }

  const findOwn = async <Found extends FoundSummary>(
    find: Find<Found>,
    sessionId: string,
    userId: number,
  ): Promise<Found> => {
    const found = await find(orm, sessionId)
    if (found?.session.userId !== userId) throw new AppError('SESSION_NOT_FOUND')
    return found
  }

  /** The report of the data so far. */
  const buildFromRows = async (sessionId: string, userId: number): Promise<Held> => {
    const { session } = await findOwn(repository.find, sessionId, userId)
    const rows = await repository.listRows(orm, sessionId, await vault.safeOf(userId))
    return { kept: build(session, rows), windows: rows.windows }
  }

  /** The stored report, or one of the data so far when the session is live or its report is not done in time. */
  const waitForReport = async <Found extends FoundSummary>(
    find: Find<Found>,
    sessionId: string,
    userId: number,
  ): Promise<{ found: Found; held: Held }> => {
    const askedAt = Date.now()
    for (;;) {
      const found = await findOwn(find, sessionId, userId)
      const { session, report } = found
      if (report !== null && READABLE.has(report.version))
        return { found, held: { kept: openKept(sessionId, report.content, await vault.safeOf(userId)) } }
      const left = askedAt + (session.status === 'ended' ? MAX_WAIT_MS : MAX_WAIT_FOR_END_MS) - Date.now()
      // A report of an older shape is built again from the rows.
      if (report !== null || left <= 0) return { found, held: await buildFromRows(sessionId, userId) }
      await news.wait(sessionId, Math.min(POLL_INTERVAL_MS, left))
    }
  }

  /**
   * Creates the report of an ended session. Idempotent. Does nothing while an instance other than `settledBy` owns the
   * session, because its last window may be in progress.
   */
  const finalise = async (sessionId: string, settledBy: string | null): Promise<void> => {
    // Before the transaction, which must not wait for a second connection.
    const safe = (await vault.safesOfSessions([sessionId])).get(sessionId)
    if (safe === undefined) return
    const done = await orm.transaction(async (tx) => {
      const found = await repository.lockEnded(tx, sessionId, settledBy, graceMs)
      if (found === undefined || found.session.finalisedAt !== null || found.busy) return false
      if (found.session.endReason !== 'consent_withdrawn') await repository.answerOrphans(tx, sessionId)
      const kept = build(found.session, await repository.listRows(tx, sessionId, safe))
      const content = safe.sealJson(kept, CONTENT.at({ sessionId }))
      const reportId = `rep_${randomBytes(16).toString('base64url')}`
      return repository.insertReport(tx, { id: reportId, sessionId, version: REPORT_VERSION, content })
    })
    if (!done) return
    news.wake(sessionId)
    onFinalised(sessionId)
  }

  return {
    wake: news.wake,

    finalise,

    /**
     * Finalises up to `limit` sessions whose owner did not, for example after a crash. A session that fails does not
     * delay others: the next call continues after it, and retries it after a pause. Rejects at the end with the first
     * failure.
     */
    async finaliseOverdue(limit: number): Promise<void> {
      const failures: unknown[] = []
      for (const { id } of await overdue.next(limit)) {
        try {
          await finalise(id, null)
          overdue.forget(id)
        } catch (error) {
          overdue.postpone(id)
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },

    async summary(sessionId: string, userId: number) {
      const { found, held } = await waitForReport(repository.findSummary, sessionId, userId)
      const { status, endedAt } = found.session
      return { ...toSummary(held.kept), status, endedAt: endedAt?.getTime() ?? null }
    },

    /** The report, in the language of its session unless `language` is given. */
    async report(sessionId: string, userId: number, language?: Language): Promise<FullReport> {
      const { found, held } = await waitForReport(repository.find, sessionId, userId)
      const { session, report, timezone } = found
      const { kept, windows } = held
      // Windows that were stored after the report do not change it.
      const read = windows ?? (await repository.listWindows(orm, sessionId, kept.statistics.windows))
      const content = addTimelines(kept, read)
      const worded = language === undefined ? content : translateReport(content, language)
      const { isFlagged } = worded.analysis.overallAssessment.forCounsellor
      return {
        reportId: report?.id ?? null,
        generatedAt: (report?.generatedAt ?? new Date()).getTime(),
        version: REPORT_VERSION,
        intervalMs: session.intervalMs,
        timezone: resolveTimeZone(timezone),
        ...worded,
        metadata: { ...worded.metadata, status: session.status },
        crisisLines: isFlagged ? crisisLines(worded.metadata.language, configuredLines) : [],
      }
    },

    /** Up to `limit` answered windows after `cursor`, oldest first. Does not wait for the report. */
    async timeline(sessionId: string, userId: number, page: { cursor?: string; limit?: number }) {
      const { session } = await findOwn(repository.findSummary, sessionId, userId)
      const { cursor, limit = PAGE_LIMIT } = page
      const rows = await repository.listTimeline(orm, sessionId, fromCursor(cursor), limit + 1)
      return toPage(rows, limit, session.startedAt)
    },
  }
}

export type ReportService = ReturnType<typeof createReportService>
