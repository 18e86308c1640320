import type { Receipts } from '../../../lib/receipts.ts'

/** The erasure of an account. */
export type AccountErasure = {
  /** The account's pseudonym in the audit trail; null: it had no data key. */
  readonly subject: string | null
  /** The last row of the trail at that time. */
  readonly trail: { readonly chain: string; readonly place: number; readonly hash: string }
}

export type ConsentWithdrawal = {
  readonly subject: string | null
  /** `all`, or one purpose. */
  readonly purpose: string
  readonly at: Date
}

/** A compact JWS anywhere in a text: in a log line, in a JSON document, or alone. */
const JWS = /eyJ[\w-]{10,2000}\.eyJ[\w-]{10,8000}\.[\w-]{86}(?![\w-])/g

type Content = Readonly<Record<string, unknown>>

const readContent = (receipt: string): Content =>
  JSON.parse(Buffer.from(receipt.split('.')[1] ?? '', 'base64url').toString('utf8')) as Content // signed by this server

const toSubject = ({ sub }: Content): string | null => (typeof sub === 'string' ? sub : null)

function toAccount(content: Content): AccountErasure {
  const { chain, place, hash } = content['trail'] as Content // as the erasure writes it
  return {
    subject: toSubject(content),
    trail: { chain: String(chain), place: Number(place), hash: String(hash) },
  }
}

const toWithdrawal = (content: Content): ConsentWithdrawal => ({
  subject: toSubject(content),
  purpose: String(content['purpose']),
  at: new Date(Number(content['at'])),
})

/**
 * Collects the receipts of erasures from the lines of any text, such as the server's log. Only receipts that one of the
 * server's secrets has signed count, so that a line written into a log erases nothing.
 */
export function createErasureList(verifiers: readonly Pick<Receipts, 'isOurs'>[]) {
  const accounts = new Map<unknown, AccountErasure>()
  const sessions = new Map<unknown, string>()
  const withdrawals = new Map<unknown, ConsentWithdrawal>()
  const foreign = new Set<string>()
  return {
    read(line: string): void {
      for (const [receipt] of line.matchAll(JWS)) {
        if (!verifiers.some((verifier) => verifier.isOurs(receipt))) {
          foreign.add(receipt)
          continue
        }
        const content = readContent(receipt)
        const { jti, event } = content
        if (event === 'account_erased') accounts.set(jti, toAccount(content))
        else if (event === 'session_erased') sessions.set(jti, String(content['session']))
        else if (event === 'consent_withdrawn') withdrawals.set(jti, toWithdrawal(content))
      }
    },
    get accounts(): readonly AccountErasure[] {
      return [...accounts.values()]
    },
    /** The marks of the sessions. */
    get sessions(): readonly string[] {
      return [...new Set(sessions.values())]
    },
    get withdrawals(): readonly ConsentWithdrawal[] {
      return [...withdrawals.values()]
    },
    /** The number of signed texts of which this server's secrets have signed none. */
    get foreign(): number {
      return foreign.size
    },
  }
}

export type ErasureList = ReturnType<typeof createErasureList>
