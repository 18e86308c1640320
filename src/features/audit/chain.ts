import { createHmac, hkdfSync } from 'node:crypto'

export type Details = Readonly<Record<string, string | number | boolean | null>>

/** One line of the trail as it is stored. */
export type AuditRow = {
  readonly chain: string
  /** From 1, without gaps. */
  readonly place: number
  readonly at: Date
  readonly event: string
  readonly actor: string | null
  readonly subject: string | null
  readonly address: string | null
  readonly details: Details
  /** Hash of the row before it; of nothing for the first. */
  readonly previous: string
  readonly hash: string
}

export type Unlinked = Pick<AuditRow, 'at' | 'event' | 'actor' | 'subject' | 'address' | 'details'>

/** Events of the trail itself. */
export const OPENED = 'audit_opened'
export const CLOSED = 'audit_closed'
export const SEALED = 'audit_sealed'
export const CHECKPOINT = 'audit_checkpoint'
export const LOST = 'audit_lost'
/** Stored rows were gone and have been written again, as they were. */
export const HEALED = 'audit_healed'
/** Stored rows are gone, with what the database has lost, and cannot be written again. */
export const GAP = 'audit_gap'

/** What the first row of a chain follows. */
export const BEGINNING = ''

/** Keys come back from the database in another order. */
const inOrder = (details: Details) => Object.entries(details).toSorted(([a], [b]) => (a < b ? -1 : 1))

/**
 * Hashes rows of the trail: HMAC-SHA-256 over everything the row says and the hash before it, under a key from the
 * server's secret, so that whoever can write to the database alone cannot write a trail that holds.
 */
export function createChainHash(secret: string) {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'maeum audit chain', 32))
  return {
    /** Ends the name of every chain that was hashed under this secret. */
    mark: createHmac('sha256', key).update('name').digest('hex').slice(0, 8),

    link(row: Omit<AuditRow, 'hash'>): AuditRow {
      const { chain, place, at, event, actor, subject, address, details, previous } = row
      const said = [
        chain,
        place,
        at.toISOString(),
        event,
        actor,
        subject,
        address,
        inOrder(details),
        previous,
      ]
      return { ...row, hash: createHmac('sha256', key).update(JSON.stringify(said)).digest('base64url') }
    },
  }
}

export type ChainHash = ReturnType<typeof createChainHash>

/** The last row of a chain, as another chain swears to it. */
export type Head = Pick<AuditRow, 'chain' | 'place' | 'hash'>

export const toHeadText = ({ place, hash }: Omit<Head, 'chain'>): string => `${place} ${hash}`

export function fromHeadText(chain: string, text: unknown): Head | undefined {
  const [, place, hash] = /^(\d{1,15}) ([\w-]{43})$/.exec(String(text)) ?? []
  return hash === undefined ? undefined : { chain, place: Number(place), hash }
}

/** Rows of a chain that the database has lost, as an attestation names them; `hash` is of the last one. */
export type Gap = {
  readonly chain: string
  readonly from: number
  readonly to: number
  readonly hash: string
}

export const toGapText = ({ from, to, hash }: Omit<Gap, 'chain'>): string => `${from} ${to} ${hash}`

export function fromGapText(chain: string, text: unknown): Gap | undefined {
  const [, from, to, hash] = /^(\d{1,15}) (\d{1,15}) ([\w-]{43})$/.exec(String(text)) ?? []
  return hash === undefined ? undefined : { chain, from: Number(from), to: Number(to), hash }
}
