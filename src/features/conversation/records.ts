import { isPassing } from '../../db/faults.ts'
import type { Outages } from '../../db/outages.ts'
import type { Orm } from '../../db/orm.ts'
import { SEALED } from '../../db/sealed-columns.ts'
import type { Vault } from '../../db/vault.ts'
import { DISTORTION_TYPES } from '../../domain/cbt/distortion.ts'
import { BatchWriter } from '../../lib/batch-writer.ts'
import { within } from '../../lib/deadline.ts'
import type { Safe } from '../../lib/sealing.ts'
import { toStorable } from '../../lib/storable.ts'
import type { Exchange } from './prompt.ts'
import { type ExchangeRow, type FindingRow, conversationRepository as repository } from './repository.ts'

const { message: MESSAGE, response: RESPONSE } = SEALED.conversations
const { detections: DETECTIONS, intervention: INTERVENTION } = SEALED.cbtFindings
const STORE_MS = 800
const DRAIN_MS = 1500
const MAX_WAITING = 2000
const EXCHANGES = 30
const OFFERS = 5

type Dependencies = {
  readonly orm: Orm
  readonly vault: Pick<Vault, 'safeOf' | 'safesOfSessions'>
  readonly isConsentRequired: boolean
  readonly log: { error(about: object, text: string): void }
  readonly outages: Pick<Outages, 'report'>
}

/** The stored exchanges and findings, encrypted with the data keys of their users. */
export function createRecords({ orm, vault, isConsentRequired, log, outages }: Dependencies) {
  /** The safe of the session's user; undefined when the session is deleted. */
  const findSafe = async (sessionId: string): Promise<Safe | undefined> => {
    const owner = await repository.findOwner(orm, sessionId)
    return owner === undefined ? undefined : vault.safeOf(owner)
  }
  /** Stores the exchange encrypted and returns its id; undefined when the session is deleted. */
  const storeExchange = async (exchange: ExchangeRow): Promise<number | undefined> => {
    const safe = await findSafe(exchange.sessionId)
    if (safe === undefined) return undefined
    const sealed = {
      ...exchange,
      message: safe.seal(exchange.message, MESSAGE.at(exchange)),
      response: safe.seal(exchange.response, RESPONSE.at(exchange)),
    }
    return repository.insertExchange(orm, sealed, isConsentRequired)
  }

  /** Encrypts detections, because they contain the user's words. Leaves out findings of deleted sessions. */
  const sealFindings = async (batch: readonly FindingRow[]): Promise<FindingRow[]> => {
    const safes = await vault.safesOfSessions(batch.map(({ sessionId }) => sessionId))
    return batch.flatMap((finding) => {
      const { sessionId, detections, intervention } = finding
      const safe = safes.get(sessionId)
      if (safe === undefined) return []
      return {
        ...finding,
        detections: safe.sealJson(detections, DETECTIONS.at(finding)),
        intervention: intervention && safe.sealJson(intervention, INTERVENTION.at(finding)),
      }
    })
  }

  const createFindingWriter = () =>
    new BatchWriter<FindingRow>({
      write: async (batch) => repository.insertFindings(orm, await sealFindings(batch), isConsentRequired),
      isPassing,
      maxWaiting: MAX_WAITING,
      onRetry: (error, waiting) => outages.report(error, 'findings wait for the database', { waiting }),
      onDrop: (count, error) => log.error({ err: error, count }, 'findings were not stored'),
    })
  const findings = createFindingWriter()
  /** Flags of self-harm have their own queue, so that a flood of other findings cannot displace them. */
  const flags = createFindingWriter()
  const exchanges = new BatchWriter<ExchangeRow>({
    write: async (batch) => {
      for (const exchange of batch) await storeExchange(exchange)
    },
    isPassing,
    maxWaiting: MAX_WAITING,
    onRetry: (error, waiting) => outages.report(error, 'conversations wait for the database', { waiting }),
    onDrop: (count, error) => log.error({ err: error, count }, 'conversations were not stored'),
  })

  const writers = [exchanges, findings, flags]

  return {
    addFinding: (finding: FindingRow): void => {
      const { sessionId, isCrisis, at } = finding
      ;(isCrisis ? flags : findings).add(`${sessionId} ${at.getTime()}`, finding)
    },

    /** Stores the exchange and returns its id; null when that takes too long or fails, and is done later. */
    addExchange: async (exchange: ExchangeRow): Promise<number | null> => {
      const { message, response } = exchange
      const row = { ...exchange, message: toStorable(message), response: toStorable(response) }
      const stored = storeExchange(row)
      const queue = (error: unknown): undefined => {
        outages.report(error, 'a conversation could not be stored at once')
        exchanges.add(`${row.sessionId} ${row.createdAt.getTime()}`, row)
      }
      const id = await within(stored.catch(queue), STORE_MS)
      return id === 'late' || id === undefined ? null : id
    },

    /** The stored offers of the session, oldest first, and whether self-harm language was detected. */
    recall: async (sessionId: string) => {
      const rows = await repository.listFlagsAndOffers(orm, sessionId, OFFERS)
      if (rows[0]?.isCrisis) return { offers: [], isCrisis: true }
      const safe = rows.length === 0 ? undefined : (await vault.safesOfSessions([sessionId])).get(sessionId)
      const offers = rows
        .flatMap(({ at, intervention }) => {
          const opened = intervention && safe?.openJson(intervention, INTERVENTION.at({ sessionId, at }))
          const type = DISTORTION_TYPES.find((one) => one === opened?.['distortionType'])
          return type === undefined ? [] : [{ at: at.getTime(), type }]
        })
        .reverse()
      return { offers, isCrisis: false }
    },

    /** The last exchanges of the session, oldest first. */
    listExchanges: async (id: string): Promise<Exchange[]> => {
      const rows = await repository.listExchanges(orm, id, EXCHANGES)
      const safe = rows.length === 0 ? undefined : await findSafe(id)
      if (safe === undefined) return []
      return rows.reverse().map(({ message, response, createdAt }) => {
        const exchange = { sessionId: id, createdAt }
        return {
          message: safe.open(message, MESSAGE.at(exchange)),
          response: safe.open(response, RESPONSE.at(exchange)),
        }
      })
    },

    /** Resolves when all findings and exchanges of the session are written, without a time limit. */
    settled: async (sessionId: string): Promise<void> => {
      const isMine = (row: { readonly sessionId: string }) => row.sessionId === sessionId
      await Promise.all(writers.map((rows) => rows.settled(isMine)))
    },

    /** Writes what waits, for a limited time. */
    close: async (): Promise<void> => {
      await Promise.all(writers.map((rows) => rows.close(DRAIN_MS)))
    },
  }
}
