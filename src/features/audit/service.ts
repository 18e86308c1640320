import type { Database } from '../../db/client.ts'
import { toNetwork } from '../../lib/address.ts'
import type { SecurityEvent } from '../../http/security-event.ts'
import {
  type AuditRow,
  CHECKPOINT,
  type ChainHash,
  type Details,
  type Head,
  SEALED,
  toHeadText,
} from './chain.ts'
import { createRepeats } from './repeats.ts'
import type { AuditRepository } from './repository.ts'
import { findHash, isProven, readCheckpoints } from './attestations.ts'
import type { ChainWriter, Entry } from './writer.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: AuditRepository
  readonly writer: Pick<ChainWriter, 'add' | 'settled'>
  /** The chain of this process. */
  readonly chain: string
  /** One for each configured secret. */
  readonly hashes: readonly ChainHash[]
  /** Null if the user is deleted or the user's key cannot be read. */
  readonly pseudonymOf: (userId: number) => Promise<string | null>
}

/** A seal lists at most this many chains: those that have grown in the last day, newest first. */
const MAX_HEADS = 50
const SEALED_SPAN_MS = 24 * 3_600_000
const MAX_CHAINS = 1000
const SETTLE_MS = 10_000
/** Rows of each chain that one round of retention scans, and rounds per run. */
const SCANNED_ROWS = 50_000
const MAX_ROUNDS = 50
/** Rows deleted by one statement of retention. */
export const RETENTION_BATCH = 5000

/** Events on an account whose actor is not authenticated. */
const UNAUTHENTICATED_EVENTS: ReadonlySet<string> = new Set([
  'authn_login_fail',
  'authn_login_throttled',
  'authn_token_reuse',
])

/** Events that an unauthenticated client can cause with every request. */
const UNBOUNDED_EVENTS: ReadonlySet<string> = new Set([
  'authn_login_throttled',
  'authn_token_reuse',
  'authz_fail',
  'excess_connections',
])

export function createAudit({ database, repository, writer, chain, hashes, pseudonymOf }: Dependencies) {
  const { orm } = database
  let sealed = ''
  const repeats = createRepeats()

  const note = (event: string, details: Details) =>
    writer.add({ at: new Date(), event, actor: null, subject: null, address: null, details })

  const write = ({ event, userId, actor, address, details = {} }: SecurityEvent): void => {
    const user = userId === undefined ? null : pseudonymOf(userId)
    const own = UNAUTHENTICATED_EVENTS.has(event) ? null : user
    const entry: Entry = {
      at: new Date(),
      event,
      actor: actor === undefined ? own : Promise.resolve(actor),
      subject: user,
      address: address ?? null,
      details,
    }
    writer.add(entry)
  }

  /** Retention attests no row that may be forged: such a chain stays, and verification reports it. */
  const mayDelete = (row: AuditRow) => findHash(hashes, row.chain) === undefined || isProven(hashes, row)

  /** Earlier checkpoints. They are written again, because their rows may be deleted now. */
  const listEarlierCheckpoints = async (): Promise<Head[]> => {
    const checkpoints = await readCheckpoints({ orm, repository, hashes })
    return (await repository.listTruncated(orm)).flatMap((truncated) => checkpoints.get(truncated) ?? [])
  }

  /** One statement per transaction, under the lock: only one instance deletes at a time. */
  const deleteUpTo = async ({ chain: old, place }: Head, days: number, signal: AbortSignal) => {
    let total = 0
    for (let deleted = 1; deleted > 0 && !signal.aborted; total += deleted) {
      deleted = await orm.transaction(async (tx) => {
        if (!(await repository.lockRetention(tx))) return 0
        await repository.allowRetention(tx, days)
        return repository.deleteUpTo(tx, old, place, RETENTION_BATCH)
      })
    }
    return total
  }

  const retainRound = async (days: number, signal: AbortSignal): Promise<number> => {
    const expired = (await repository.listExpired(orm, days, MAX_CHAINS, SCANNED_ROWS)).filter(mayDelete)
    if (expired.length === 0) return 0
    const heads = new Map([...(await listEarlierCheckpoints()), ...expired].map((head) => [head.chain, head]))
    for (const [old, head] of heads) note(CHECKPOINT, { [old]: toHeadText(head) })
    if (!(await writer.settled(SETTLE_MS))) return 0
    let total = 0
    for (const head of expired) total += await deleteUpTo(head, days, signal)
    return total
  }

  return {
    /**
     * Records an event with its actor, subject, time and network, without waiting. Do not pass contents. Events that an
     * unauthenticated client can repeat without limit are written once and then counted until `writeRepeats`.
     */
    record(recorded: SecurityEvent): void {
      const { address, ...rest } = recorded
      const network = address === undefined ? null : toNetwork(address)
      const event = network === null ? rest : { ...rest, address: network }
      if (!UNBOUNDED_EVENTS.has(event.event) || repeats.isFirst(event)) write(event)
    },

    /** Writes the events repeated since the last call, one row with its `count` per network. */
    writeRepeats(): void {
      for (const event of repeats.take()) write(event)
    },

    note,

    /** Writes the last rows of all other chains into this chain, if any of them has grown. */
    async seal(): Promise<void> {
      const heads = (await repository.listHeads(orm, SEALED_SPAN_MS, MAX_HEADS)).filter(
        (head) => head.chain !== chain,
      )
      const details = Object.fromEntries(heads.map((head) => [head.chain, toHeadText(head)]))
      const text = JSON.stringify(Object.entries(details).toSorted())
      if (heads.length === 0 || text === sealed) return
      sealed = text
      note(SEALED, details)
    },

    /**
     * Deletes rows older than `days`. The trail stays verifiable at all times, because a row of this chain lists the
     * deletions first. Returns the number of deleted rows; 0 if that row could not be stored.
     */
    async retain(days: number, signal: AbortSignal): Promise<number> {
      let total = 0
      for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round++) {
        const deleted = await retainRound(days, signal)
        total += deleted
        if (deleted === 0) break
      }
      return total
    },
  }
}

export type Audit = ReturnType<typeof createAudit>
