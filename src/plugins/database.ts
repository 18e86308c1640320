import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'
import { closeOpened, describeOpened, findOpened } from '../db/api-roles.ts'
import { type Database, openDatabase, waitForDatabase } from '../db/client.ts'
import { isAboutData, isOutage } from '../db/faults.ts'
import { createOutages, type Outages } from '../db/outages.ts'
import { migrate } from '../db/migrate.ts'
import { MIGRATIONS } from '../db/migration-files.ts'
import { createBoundedLabel } from '../lib/bounded-label.ts'
import { within } from '../lib/deadline.ts'
import { createLineLimit } from '../lib/line-limit.ts'
import { createSingleFlight } from '../lib/single-flight.ts'
import { requireSameDatabase } from '../db/same-database.ts'
import { schemaFaults } from '../db/schema-faults.ts'
import type { ServerError } from '../db/server-messages.ts'
import { NO_WRITES } from '../db/verify.ts'
import { checkServer, readServerState, type ServerFindings, verifyServer } from '../db/verify-server.ts'

/** Deadline for requests and socket handshakes. Longer work uses `patient`. */
const ANSWER_DEADLINE_MS = 4000
/** How long a scrape waits for the database. */
const SCRAPE_DEADLINE_MS = 1000
/** Labels of SQLSTATEs; others are counted together. */
const MAX_CODES = 50
/** How often an instance looks whether an outage has ended. */
const LOOK_INTERVAL_MS = 1000
const monotonic = () => performance.now()
const WITHOUT_DIRECT_URL =
  'Notices of other instances do not pass a transaction pooler: set DATABASE_DIRECT_URL to a direct or session-mode address'

class SchemaMismatchError extends Error {
  /** @param findings one line each: table, column, migration. */
  constructor(findings: readonly string[]) {
    super(`the database is not as this version expects:\n${findings.map((line) => `  - ${line}`).join('\n')}`)
    this.name = 'SchemaMismatchError'
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    database: Database
    /** The log of outages: work that is retried reports its errors here. */
    outages: Outages
    /** Current faults of the server, the database or the role. Rejects when the database is unavailable. */
    readonly serverFindings: () => Promise<ServerFindings>
    /** Current faults of the schema, one line each. Rejects when the database is unavailable. */
    readonly schemaFaults: () => Promise<string[]>
  }
}

/** Opens the database, migrates it and verifies the schema before the server starts. */
export const database = fp(
  async (app, { config }: { config: Config }) => {
    const settings = config.database
    const onNotice = (text: string) => app.log.warn(text)
    const onServerError = createErrorLog(app)
    // A session pooler at DATABASE_DIRECT_URL is valid, so it causes no warning.
    const open = (url: string | null, onPooler?: (text: string) => void) =>
      openDatabase({
        ...settings,
        ...{ url, onNotice, onServerError },
        ...(onPooler !== undefined && { onPooler }),
        answerDeadlineMs: ANSWER_DEADLINE_MS,
      })

    const main = await open(settings.url, (text) => {
      if (settings.directUrl !== settings.url) app.log.info(text)
      else app.log.warn(`${text}. ${WITHOUT_DIRECT_URL}`)
    })
    app.decorate('database', main)
    app.decorate('outages', watchOutages(app))
    measureDatabase(app)
    app.addHook('onClose', () => main.close())
    const admitLine = createLineLimit(monotonic)
    const wait = (database: Database, variable: string) =>
      waitForDatabase(database, {
        variable,
        deadlineMs: settings.waitMs,
        onRetry: (reason, _, detail) => {
          if (admitLine(reason) !== undefined) app.log.warn({ reason, detail }, 'waiting for the database')
        },
      })
    await wait(main, 'DATABASE_URL')
    app.log.info({ database: main.description }, '✅ 데이터베이스 연결 성공')

    app.decorate('schemaFaults', () => schemaFaults(main.sql))
    app.decorate('serverFindings', () => verifyServer(main.sql))

    const { settings: unfit, faults: clockFaults, doubts } = checkServer(await readServerState(main.sql))
    for (const doubt of doubts) app.log.warn(doubt)
    if (unfit.length > 0 && settings.onMismatch === 'stop') throw new SchemaMismatchError(unfit)
    if (settings.migrateOnBoot && unfit.length === 0) {
      const direct = settings.directUrl === settings.url ? main : await open(settings.directUrl)
      try {
        if (direct !== main) {
          await wait(direct, 'DATABASE_DIRECT_URL')
          await requireSameDatabase(main.sql, direct.sql)
        }
        await prepareDatabase(app, direct)
      } finally {
        if (direct !== main) await direct.close()
      }
    }
    const opened = describeOpened(await findOpened(main.sql))
    for (const fault of [...(opened === undefined ? [] : [opened]), ...clockFaults]) app.log.error(fault)
    const faults = [...unfit, ...(await schemaFaults(main.sql))]
    if (faults.length === 0) return
    // A standby may be promoted later.
    const isSchema = faults.some((line) => !line.startsWith(NO_WRITES))
    if (settings.onMismatch === 'stop' && isSchema) throw new SchemaMismatchError(faults)
    app.log.error({ faults }, 'the database is not as this version expects; serving without being ready')
  },
  { name: 'database', dependencies: ['guard', 'metrics'] },
)

/** Sets the gauges of the connection at each scrape. */
function measureDatabase({ metrics, database }: FastifyInstance): void {
  const { databaseUp, databaseAnswer, databaseConnections, databaseWaiting } = metrics
  const ask = createSingleFlight(() =>
    database.sql`select 1`.then(
      () => true,
      () => false,
    ),
  )
  metrics.onScrape(async () => {
    const { connections, idle, waiting } = database.usage()
    databaseConnections.labels('idle').set(idle)
    databaseConnections.labels('busy').set(connections - idle)
    databaseWaiting.set(waiting)
    const begun = performance.now()
    const isUp = await within(ask.run(), SCRAPE_DEADLINE_MS)
    databaseUp.set(isUp === true ? 1 : 0)
    databaseAnswer.set((performance.now() - begun) / 1000)
  })
}

function watchOutages(app: FastifyInstance): Outages {
  const outages = createOutages({
    log: (about, text) => app.log.warn(about, text),
    takesWrites: async () => (await readServerState(app.database.sql)).writes === 'taken',
    monotonic,
  })
  app.every('outages_look', LOOK_INTERVAL_MS, outages.look)
  return outages
}

/**
 * Counts all errors of the server. Logs each code once a minute, except those about a row's data and those of an outage,
 * which the failed work reports.
 */
function createErrorLog({ metrics, log }: FastifyInstance): (error: ServerError) => void {
  const admitLine = createLineLimit(monotonic)
  const toLabel = createBoundedLabel(MAX_CODES, 'other')
  return (error) => {
    metrics.databaseErrors.labels(toLabel(error.code)).inc()
    if (isAboutData(error) || isOutage(error) || admitLine(error.code) === undefined) return
    log.warn({ err: error, sqlstate: error.code }, 'the database sent an error')
  }
}

/** Applies migrations, and revokes privileges that a restore has granted to the API roles of a host. */
async function prepareDatabase(app: FastifyInstance, database: Database): Promise<void> {
  const onWait = () => app.log.warn('another instance applies migrations; waiting for it')
  const { applied, unknown, withoutJournal } = await migrate(database.unhurried, {
    folder: MIGRATIONS,
    apply: true,
    onWait,
  })
  if (applied.length > 0) app.log.info({ applied }, 'migrations applied')
  if (withoutJournal === true)
    app.log.warn('the tables had no journal of migrations and are as expected; it was written')
  if (unknown > 0) app.log.warn({ unknown }, 'a newer version has migrated this database')
  const opened = describeOpened(await findOpened(database.sql))
  if (opened === undefined) return
  try {
    await closeOpened(database.unhurried.sql)
    app.log.warn({ opened }, 'privileges of public API roles were revoked')
  } catch (error) {
    app.log.error({ err: error }, 'privileges of public API roles could not be revoked')
  }
}
