import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { VariableName } from '../config/variables.ts'
import { type Database, openDatabase } from '../db/client.ts'
import { findEmbeddedState } from '../db/embedded/state.ts'
import { requireSameDatabase } from '../db/same-database.ts'
import { findUnavailability } from '../db/wait.ts'
import type { Result } from './checks.ts'
import { fromLine, type Report } from './report.ts'

/** Enough for the checks, and few where connections are scarce. */
const CONNECTIONS = 3
/** How long a statement may take. */
const ANSWER_DEADLINE_MS = 4000

export type Subject = {
  readonly config: Config
  readonly invalid: ReadonlySet<VariableName>
  readonly report: Report
}

/** The connections of the checks. */
export function createSession({ config: { database: config }, invalid, report }: Subject) {
  const opened: { main?: Database; direct?: Database } = {}
  let isClosed = false
  const found: { certificateEndsAt?: Date; isPooled: boolean } = { isPooled: false }

  const open = async (url: string | null, notices: string[]): Promise<Database> => {
    const database = await openDatabase({
      ...config,
      url,
      poolMax: CONNECTIONS,
      answerDeadlineMs: ANSWER_DEADLINE_MS,
      onNotice: (text) => notices.push(text),
      onPooler: () => {
        found.isPooled = true
      },
      onCertificate: (endsAt) => {
        found.certificateEndsAt = endsAt
      },
    })
    if (isClosed) await database.close() // an embedded server that started too late
    return database
  }

  const assertOpen = (database: Database | undefined): Database => {
    if (database === undefined) throw new Error('the database is not open')
    return database
  }

  return {
    found,
    get main(): Database {
      return assertOpen(opened.main)
    },
    /** The database at DATABASE_DIRECT_URL; the main one without that setting. */
    get direct(): Database {
      return assertOpen(opened.direct)
    },

    async connect(): Promise<Result | Result[]> {
      if (invalid.has('DATABASE_URL')) return report.skipped('skipped.setting', { name: 'DATABASE_URL' })
      if (config.url === null) {
        const state = await findEmbeddedState(join(config.dataDir, 'pg'))
        if (state === 'missing') return report.skipped('database.embeddedNew')
        if (state === 'in_use') return report.skipped('database.embeddedInUse')
      }
      const notices: string[] = []
      const main = await open(config.url, notices)
      opened.main = main
      const advice = await findUnavailability(main, 'DATABASE_URL')
      const { description } = main
      if (advice !== undefined)
        return { status: 'fail', cause: `${description}: ${advice.cause}`, mend: advice.mend }
      return [
        report.ok('database.reachable', { description }),
        ...notices.map((line) => report.warn('database.notice', { line })),
      ]
    },

    async connectDirectly(): Promise<Result> {
      if (invalid.has('DATABASE_DIRECT_URL'))
        return report.skipped('skipped.setting', { name: 'DATABASE_DIRECT_URL' })
      if (config.directUrl === config.url) {
        opened.direct = assertOpen(opened.main)
        return report.ok('direct.same')
      }
      const direct = await open(config.directUrl, [])
      opened.direct = direct
      const advice = await findUnavailability(direct, 'DATABASE_DIRECT_URL')
      const { description } = direct
      if (advice !== undefined)
        return { status: 'fail', cause: `${description}: ${advice.cause}`, mend: advice.mend }
      try {
        await requireSameDatabase(assertOpen(opened.main).sql, direct.sql)
      } catch (error) {
        if (error instanceof Error && !('code' in error)) return fromLine('fail', error.message)
        throw error
      }
      return report.ok('direct.ok', { description })
    },

    async close(): Promise<void> {
      isClosed = true
      const { main, direct } = opened
      await Promise.all([main?.close(), direct === main ? undefined : direct?.close()])
    },
  }
}

export type Session = ReturnType<typeof createSession>
