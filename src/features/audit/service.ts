import { isIPv4, isIPv6 } from 'node:net'
import type { Database } from '../../db/client.ts'
import type { SecurityEvent } from '../../plugins/security-events.ts'
import { CHECKPOINT, type Details, SEALED, toHeadText } from './chain.ts'
import type { AuditRepository } from './repository.ts'
import type { ChainWriter, Entry } from './writer.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: AuditRepository
  readonly writer: Pick<ChainWriter, 'add' | 'settled'>
  /** Of this process. */
  readonly chain: string
  /** Null when the person is gone, or their key cannot be read. */
  readonly pseudonymOf: (userId: number) => Promise<string | null>
}

/** Chains that one seal names: those that have grown in the last day, the newest first. */
const MOST_HEADS = 50
const SEALED_SPAN_MS = 24 * 3_600_000
const MOST_CHAINS = 1000
const SETTLE_MS = 10_000

/** What is done to an account by somebody who has not shown to be its owner. */
const BY_STRANGERS: ReadonlySet<string> = new Set([
  'authn_login_fail',
  'authn_login_throttled',
  'authn_token_reuse',
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

export function createAudit({ database, repository, writer, chain, pseudonymOf }: Dependencies) {
  const { orm } = database
  let sealed = ''

  const note = (event: string, details: Details) =>
    writer.add({ at: new Date(), event, actor: null, subject: null, address: null, details })

  return {
    /** Writes down who did what to whose, when and from where. Never waits; contents are not for it. */
    record({ event, userId, address, details = {} }: SecurityEvent): void {
      const person = userId === undefined ? null : pseudonymOf(userId)
      const entry: Entry = {
        at: new Date(),
        event,
        actor: BY_STRANGERS.has(event) ? null : person,
        subject: person,
        address: address === undefined ? null : networkOf(address),
        details,
      }
      writer.add(entry)
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
     * Takes away what is older than `days` and leaves the trail verifiable: what goes is said in a row of this chain
     * first. Returns how many rows went; none when that row could not be stored.
     */
    async retain(days: number): Promise<number> {
      const expired = await repository.listExpired(orm, days, MOST_CHAINS)
      // What went earlier is said again, for the row that said so may be among what goes now.
      const heads = [...(await repository.listTruncated(orm)), ...expired]
      for (const { chain: old, place, hash } of heads)
        note(CHECKPOINT, { [old]: toHeadText({ place, hash }) })
      if (expired.length === 0 || !(await writer.settled(SETTLE_MS))) return 0
      return orm.transaction(async (tx) => {
        if (!(await repository.lockRetention(tx))) return 0
        await repository.allowRetention(tx, days)
        let deleted = 0
        for (const { chain: old, place } of expired) deleted += await repository.deleteUpTo(tx, old, place)
        return deleted
      })
    },
  }
}

export type Audit = ReturnType<typeof createAudit>
