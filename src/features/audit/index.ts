import fp from 'fastify-plugin'
import { createLineLimit } from '../../lib/line-limit.ts'
import { createSingleFlight } from '../../lib/single-flight.ts'
import { BEGINNING, CLOSED, createChainHash, OPENED, toHeadText } from './chain.ts'
import { createHealing } from './healing.ts'
import { auditRepository as repository } from './repository.ts'
import { type Audit, createAudit } from './service.ts'
import { ChainWriter } from './writer.ts'

declare module 'fastify' {
  interface FastifyInstance {
    audit: Pick<Audit, 'retain'> & {
      /** The last stored row of this instance's chain. A copy outside the database proves that the row existed. */
      readonly head: () => { readonly chain: string; readonly place: number; readonly hash: string }
      /** True as soon as all events so far are stored, false after `ms`. */
      readonly settled: (ms: number) => Promise<boolean>
    }
  }
}

const MINUTE_MS = 60_000
const DRAIN_MS = 1500

/** The audit trail: one hash chain of rows per process. The chains seal each other every minute. */
export const audit = fp(
  (app, _options, done) => {
    const { log, metrics } = app
    const { secret, secrets } = app.authentication
    const hash = createChainHash(secret)
    const chain = `${app.instanceId}-${hash.mark}`
    const admitLine = createLineLimit(() => performance.now())
    const writer = new ChainWriter({
      chain,
      hash,
      write: (rows) => repository.insert(app.database.patient.sql, rows),
      onRetry: (error, waiting) =>
        app.outages.report(error, 'the audit trail waits for the database', { count: waiting }),
      onLost: (count, reason) => {
        metrics.auditLost.inc(count)
        if (admitLine(reason) !== undefined) log.error({ count, reason }, 'audit events were lost')
      },
    })
    metrics.onScrape(() => metrics.auditWaiting.set(writer.waiting))
    const trail = createAudit({
      database: app.database.patient,
      repository,
      writer,
      chain,
      hashes: secrets.map(createChainHash),
      pseudonymOf: async (userId) => {
        try {
          return (await app.vault.pseudonymOf(userId)) ?? null
        } catch (error) {
          app.outages.repeat(error, 'an audit event is stored without its user')
          return null
        }
      },
    })
    app.securityEvents.subscribe((event) => trail.record(event))

    const healing = createHealing({
      chain,
      writer,
      insert: (rows) => repository.insert(app.database.patient.sql, rows),
      listPlaces: (name, from) => repository.listPlaces(app.database.orm, name, from),
      findPlaceBefore: (name, place) => repository.findPlaceBefore(app.database.orm, name, place),
      findHistory: () => repository.findHistory(app.database.orm),
      note: trail.note,
      onHealed: (about) => {
        metrics.rowsLost.labels('audit').inc(about.count)
        log.warn({ chain, ...about }, 'the database has lost rows of the audit trail; they are written again')
      },
      onGap: (about) => {
        metrics.rowsLost.labels('audit').inc()
        log.error(about, 'the database has lost rows of the audit trail that are no longer known')
      },
    })
    const sealing = createSingleFlight(() =>
      healing
        .heal()
        .then(() => trail.seal())
        .catch((error: unknown) => app.outages.report(error, 'the audit trail could not be sealed')),
    )
    app.every('audit_seal', MINUTE_MS, () => {
      trail.writeRepeats()
      return sealing.run()
    })
    app.addHook('onReady', () => {
      trail.note(OPENED, {})
      void sealing.run()
    })
    app.addHook('onClose', async () => {
      trail.writeRepeats()
      trail.note(CLOSED, {})
      await writer.close(DRAIN_MS)
      const { place, hash: last } = writer.head
      // A record outside the database, to compare with.
      if (last !== BEGINNING)
        log.info({ chain, head: toHeadText({ place, hash: last }) }, 'audit trail closed')
    })

    app.decorate('audit', {
      retain: (days: number, signal: AbortSignal) => trail.retain(days, signal),
      // Without the other columns of the row, which may be about another user.
      head: () => ({ chain, place: writer.head.place, hash: writer.head.hash }),
      settled: (ms: number) => writer.settled(ms),
    })
    done()
  },
  {
    name: 'audit',
    dependencies: ['authentication', 'database', 'guard', 'metrics', 'notices', 'security-events', 'vault'],
  },
)
