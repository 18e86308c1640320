import fp from 'fastify-plugin'
import { BEGINNING, CLOSED, createChainHash, OPENED, toHeadText } from './chain.ts'
import { createHealing } from './healing.ts'
import { auditRepository as repository } from './repository.ts'
import { type Audit, createAudit } from './service.ts'
import { ChainWriter } from './writer.ts'

declare module 'fastify' {
  interface FastifyInstance {
    audit: Pick<Audit, 'retain'> & {
      /** The last stored row of this instance's chain: whoever keeps it can prove that it was there. */
      readonly head: () => { readonly chain: string; readonly place: number; readonly hash: string }
    }
  }
}

const MINUTE_MS = 60_000
const DRAIN_MS = 1500
/** A trail that cannot be written says so this often. */
const COMPLAIN_MS = 10_000

/** The audit trail: one chain of rows for each process, hashed into one another and now and then across. */
export const audit = fp(
  (app, _options, done) => {
    const { log } = app
    const { secret, secrets } = app.authentication
    const hash = createChainHash(secret)
    const chain = `${app.instanceId}-${hash.mark}`
    let complainedAt = 0
    const complain = (error: unknown, count: number, what: string) => {
      if (Date.now() - complainedAt < COMPLAIN_MS) return
      complainedAt = Date.now()
      log.error({ err: error, count }, what)
    }
    const writer = new ChainWriter({
      chain,
      hash,
      write: (rows) => repository.insert(app.database.patient.sql, rows),
      onRetry: (error, waiting) => complain(error, waiting, 'the audit trail waits for the database'),
      onLost: (count) => complain(undefined, count, 'audit events were lost'),
    })
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
          log.warn({ err: error }, 'an audit event goes without its person')
          return null
        }
      },
    })
    app.securityEvents.subscribe((event) => trail.record(event))

    const healing = createHealing({
      chain,
      writer,
      insert: (rows) => repository.insert(app.database.patient.sql, rows),
      listPlaces: (named, from) => repository.listPlaces(app.database.orm, named, from),
      findPlaceBefore: (named, place) => repository.findPlaceBefore(app.database.orm, named, place),
      findHistory: () => repository.findHistory(app.database.orm),
      note: trail.note,
      onHealed: (about) =>
        log.warn(
          { chain, ...about },
          'the database has lost rows of the audit trail; they are written again',
        ),
      onGap: (about) =>
        log.error(about, 'the database has lost rows of the audit trail that are no longer known'),
    })
    let sealing: Promise<void> | undefined
    const seal = () => {
      sealing ??= healing
        .heal()
        .then(() => trail.seal())
        .catch((error: unknown) => log.warn({ err: error }, 'the audit trail could not be sealed'))
        .finally(() => {
          sealing = undefined
        })
      return sealing
    }
    app.every('audit_seal', MINUTE_MS, () => {
      trail.tellRepeats()
      return seal()
    })
    app.addHook('onReady', () => {
      trail.note(OPENED, {})
      void seal()
    })
    app.addHook('onClose', async () => {
      trail.tellRepeats()
      trail.note(CLOSED, {})
      await writer.close(DRAIN_MS)
      const { place, hash: last } = writer.head
      // Outside the database, for whoever compares.
      if (last !== BEGINNING)
        log.info({ chain, head: toHeadText({ place, hash: last }) }, 'audit trail closed')
    })

    app.decorate('audit', {
      retain: (days: number, signal: AbortSignal) => trail.retain(days, signal),
      head: () => ({ chain, ...writer.head }),
    })
    done()
  },
  {
    name: 'audit',
    dependencies: ['authentication', 'database', 'guard', 'notices', 'security-events', 'vault'],
  },
)
