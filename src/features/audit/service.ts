import { isIPv4, isIPv6 } from 'node:net'
import type { Database } from '../../db/client.ts'
import type { SecurityEvent } from '../../plugins/security-events.ts'
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
import { hashOf, isProven, readCheckpoints } from './sworn.ts'
import type { ChainWriter, Entry } from './writer.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: AuditRepository
  readonly writer: Pick<ChainWriter, 'add' | 'settled'>
  /** Of this process. */
  readonly chain: string
  /** Of all secrets that are known. */
  readonly hashes: readonly ChainHash[]
  /** Null when the person is gone, or their key cannot be read. */
  readonly pseudonymOf: (userId: number) => Promise<string | null>
}

/** Chains that one seal names: those that have grown in the last day, the newest first. */
const MOST_HEADS = 50
const SEALED_SPAN_MS = 24 * 3_600_000
const MOST_CHAINS = 1000
const SETTLE_MS = 10_000
/** Rows of each chain that one round of retention looks at, and rounds of a night. */
const SCANNED_ROWS = 50_000
const MAX_ROUNDS = 50
/** Rows that one statement of retention takes away. */
export const RETENTION_BATCH = 5000

/** What is done to an account by somebody who has not shown to be its owner. */
const BY_STRANGERS: ReadonlySet<string> = new Set([
  'authn_login_fail',
  'authn_login_throttled',
  'authn_token_reuse',
])

/** What a stranger can make happen as often as they can send a request. */
const WITHOUT_BOUND: ReadonlySet<string> = new Set([
  'authn_login_throttled',
  'authn_token_reuse',
  'authz_fail',
  'excess_connections',
])

/** The network an address belongs to (/24, /48): enough to see an attack, not enough to keep a person by. */
export function networkOf(address: string): string | null {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
  if (isIPv4(mapped)) return `${mapped.split('.').slice(0, 3).join('.')}.0/24`
  const [bare = ''] = address.split(/[%/]/)
  if (!isIPv6(bare)) return null
  const [head = ''] = bare.split('::')
  const groups = head === '' ? [] : head.split(':')
  return `${[0, 1, 2].map((i) => groups[i] ?? '0').join(':')}::/48`
}

export function createAudit({ database, repository, writer, chain, hashes, pseudonymOf }: Dependencies) {
  const { orm } = database
  let sealed = ''
  const repeats = createRepeats()

  const note = (event: string, details: Details) =>
    writer.add({ at: new Date(), event, actor: null, subject: null, address: null, details })

  const write = ({ event, userId, address, details = {} }: SecurityEvent): void => {
    const person = userId === undefined ? null : pseudonymOf(userId)
    const entry: Entry = {
      at: new Date(),
      event,
      actor: BY_STRANGERS.has(event) ? null : person,
      subject: person,
      address: address ?? null,
      details,
    }
    writer.add(entry)
  }

  /** Retention swears to nothing that a stranger may have put there: such a chain stays, for verification to find. */
  const mayGo = (row: AuditRow) => hashOf(hashes, row.chain) === undefined || isProven(hashes, row)

  /** What went earlier: it is said again, for the row that said so may be among what goes now. */
  const goneBefore = async (): Promise<Head[]> => {
    const checkpoints = await readCheckpoints({ orm, repository, hashes })
    return (await repository.listTruncated(orm)).flatMap((truncated) => checkpoints.get(truncated) ?? [])
  }

  /** One statement a transaction, under the lock: of several instances one works and the others find it taken. */
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

  const retainSome = async (days: number, signal: AbortSignal): Promise<number> => {
    const expired = (await repository.listExpired(orm, days, MOST_CHAINS, SCANNED_ROWS)).filter(mayGo)
    if (expired.length === 0) return 0
    const gone = new Map([...(await goneBefore()), ...expired].map((head) => [head.chain, head]))
    for (const [old, head] of gone) note(CHECKPOINT, { [old]: toHeadText(head) })
    if (!(await writer.settled(SETTLE_MS))) return 0
    let total = 0
    for (const head of expired) total += await deleteUpTo(head, days, signal)
    return total
  }

  return {
    /**
     * Writes down who did what to whose, when and from where. Never waits; contents are not for it. What a stranger can
     * repeat without end is written once, and then counted until `tellRepeats`.
     */
    record(told: SecurityEvent): void {
      const { address, ...rest } = told
      const network = address === undefined ? null : networkOf(address)
      const event = network === null ? rest : { ...rest, address: network }
      if (!WITHOUT_BOUND.has(event.event) || repeats.isFirst(event)) write(event)
    },

    /** Writes what has happened again since the last call, one row with its `count` for each network. */
    tellRepeats(): void {
      for (const event of repeats.take()) write(event)
    },

    note,

    /** Writes the last rows of all chains into this one, when any but this has grown. */
    async seal(): Promise<void> {
      const heads = (await repository.listHeads(orm, SEALED_SPAN_MS, MOST_HEADS)).filter(
        (head) => head.chain !== chain,
      )
      const details = Object.fromEntries(heads.map((head) => [head.chain, toHeadText(head)]))
      const text = JSON.stringify(Object.entries(details).toSorted())
      if (heads.length === 0 || text === sealed) return
      sealed = text
      note(SEALED, details)
    },

    /**
     * Takes away what is older than `days` and leaves the trail verifiable, at any moment: what goes is said in a row of
     * this chain first. Returns how many rows went; none when that row could not be stored.
     */
    async retain(days: number, signal: AbortSignal): Promise<number> {
      let total = 0
      for (let round = 0; round < MAX_ROUNDS && !signal.aborted; round++) {
        const gone = await retainSome(days, signal)
        total += gone
        if (gone === 0) break
      }
      return total
    },
  }
}

export type Audit = ReturnType<typeof createAudit>
