import { createHmac, hkdfSync } from 'node:crypto'

export type Details = Readonly<Record<string, string | number | boolean | null>>

/** One stored row of the trail. */
export type AuditRow = {
  readonly chain: string
  /** Position in the chain, from 1, without gaps. */
  readonly place: number
  readonly at: Date
  readonly event: string
  readonly actor: string | null
  readonly subject: string | null
  readonly address: string | null
  readonly details: Details
  /** Hash of the previous row; empty for the first row. */
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
/** The database had lost rows; they were written again unchanged. */
export const HEALED = 'audit_healed'
/** The database has lost rows that cannot be written again. */
export const GAP = 'audit_gap'

/** `previous` of the first row of a chain. */
export const BEGINNING = ''

/** The database returns the keys in another order. */
const sortEntries = (details: Details) => Object.entries(details).toSorted(([a], [b]) => (a < b ? -1 : 1))

/**
 * Hashes rows of the trail: HMAC-SHA-256 over all fields of the row and the previous hash, with a key derived from the
 * server's secret. Write access to the database alone is not enough to forge a valid trail.
 */
export function createChainHash(secret: string) {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'maeum audit chain', 32))
  return {
    /** Suffix of the name of every chain that is hashed with this secret. */
    mark: createHmac('sha256', key).update('name').digest('hex').slice(0, 8),

    link(row: Omit<AuditRow, 'hash'>): AuditRow {
      const { chain, place, at, event, actor, subject, address, details, previous } = row
      const content = [
        chain,
        place,
        at.toISOString(),
        event,
        actor,
        subject,
        address,
        sortEntries(details),
        previous,
      ]
      return { ...row, hash: createHmac('sha256', key).update(JSON.stringify(content)).digest('base64url') }
    },
  }
}

export type ChainHash = ReturnType<typeof createChainHash>

/** The last row of a chain, as another chain attests it. */
export type Head = Pick<AuditRow, 'chain' | 'place' | 'hash'>

export const toHeadText = ({ place, hash }: Omit<Head, 'chain'>): string => `${place} ${hash}`

export function fromHeadText(chain: string, text: unknown): Head | undefined {
  const [, place, hash] = /^(\d{1,15}) ([\w-]{43})$/.exec(String(text)) ?? []
  return hash === undefined ? undefined : { chain, place: Number(place), hash }
}

/** Rows of a chain that the database has lost, as an attestation lists them; `hash` is that of the last row. */
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
