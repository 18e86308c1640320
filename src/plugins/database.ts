import { fileURLToPath } from 'node:url'
import fp from 'fastify-plugin'
import type { Config } from '../config.ts'
import { type Database, openDatabase, waitForDatabase } from '../db/client.ts'
import { isAboutData } from '../db/faults.ts'
import { migrate } from '../db/migrate.ts'
import type { ServerError } from '../db/server-messages.ts'
import { describeFinding, NO_WRITES, verifySchema } from '../db/verify.ts'

/** Requests are refused after this, as handshakes of sockets are; what may take longer asks `patient`. */
const ANSWER_DEADLINE_MS = 4000
/** An error of the database is logged this often for each SQLSTATE. */
const LOG_PAUSE_MS = 60_000
const MIGRATIONS = fileURLToPath(new URL('../../drizzle', import.meta.url))

export class SchemaMismatchError extends Error {
  /** @param findings one line each: table, column, migration. */
  constructor(findings: readonly string[]) {
    super(`the database is not as this version expects:\n${findings.map((line) => `  - ${line}`).join('\n')}`)
    this.name = 'SchemaMismatchError'
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    database: Database
    /** What is wrong with the schema right now, one line each; empty when all is there. Throws when the database is away. */
    readonly schemaFaults: () => Promise<string[]>
  }
}

/** Opens the database, migrates it and proves the schema before anything is served. */
export const database = fp(
  async (app, { config }: { config: Config }) => {
    const settings = config.database
    const onNotice = (text: string) => app.log.warn(text)
    const loggedAt = new Map<string, number>()
    /** Counted all; those that are not about a row's data are also logged, each code once a minute. */
    const onServerError = (error: ServerError) => {
      // Metrics are registered after this.
      if (app.hasDecorator('metrics')) app.metrics.databaseErrors.labels(error.code).inc()
      const since = performance.now() - (loggedAt.get(error.code) ?? -Infinity)
      if (isAboutData(error) || since < LOG_PAUSE_MS) return
      loggedAt.set(error.code, performance.now())
      app.log.warn({ err: error, sqlstate: error.code }, 'the database sent an error')
    }
    const open = (url: string | null) =>
      openDatabase({ ...settings, url, onNotice, onServerError, answerDeadlineMs: ANSWER_DEADLINE_MS })

    const main = await open(settings.url)
    app.decorate('database', main)
    app.addHook('onClose', () => main.close())
    const wait = (database: Database, variable: string) =>
      waitForDatabase(database, {
        variable,
        deadlineMs: settings.waitMs,
        onRetry: (reason) => app.log.warn({ reason }, 'waiting for the database'),
      })
    await wait(main, 'DATABASE_URL')
    app.log.info({ database: main.description }, '✅ 데이터베이스 연결 성공')

    const schemaFaults = async (): Promise<string[]> => {
      const { pending } = await migrate(main, { folder: MIGRATIONS, apply: false })
      const findings = await verifySchema(main.sql, MIGRATIONS)
      return [
        ...pending.map((name) => `migration ${name} has not been applied`),
        ...findings.map(describeFinding),
      ]
    }
    app.decorate('schemaFaults', schemaFaults)

    if (settings.migrateOnBoot) {
      const direct = settings.directUrl === settings.url ? main : await open(settings.directUrl)
      try {
        if (direct !== main) await wait(direct, 'DATABASE_DIRECT_URL')
        const { applied } = await migrate(direct.patient, { folder: MIGRATIONS, apply: true })
        if (applied.length > 0) app.log.info({ applied }, 'migrations applied')
      } finally {
        if (direct !== main) await direct.close()
      }
    }
    const faults = await schemaFaults()
    if (faults.length === 0) return
    // A standby may be promoted while it is waited for.
    const isSchema = faults.some((line) => !line.startsWith(NO_WRITES))
    if (settings.onMismatch === 'stop' && isSchema) throw new SchemaMismatchError(faults)
    app.log.error({ faults }, 'the database is not as this version expects; serving without being ready')
  },
  { name: 'database' },
)
