import { createHmac, hkdfSync } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { AppError } from '../../errors.ts'
import { networkOf } from '../../plugins/security.ts'

/** Failures that one address, or one known device, may make in the span that counters live. */
export const MAX_FAILURES = 20
export const COUNTED_FOR_MS = 10 * 60_000

/** Of a large network (/48 of IPv6) so many times as much as of one address. */
export const NETWORK_SHARE = 20

/** What people mistype is not slowed; from here each further failure doubles the wait. */
const FREE_FAILURES = 5
const FIRST_DELAY_MS = 250
/** The owner of an account that is under attack gets in after this, from a device that nobody knows. */
const LONGEST_DELAY_MS = 8000
/** Logins that may wait: in all, of one address, and of one network. Each is a connection and a few hundred bytes. */
const MAX_WAITING = 2000
const MAX_WAITING_OF_ADDRESS = 10
const MAX_WAITING_OF_NETWORK = MAX_WAITING_OF_ADDRESS * NETWORK_SHARE
/** And at one account: waits that run side by side are guesses that many times as fast. */
const MAX_WAITING_AT_ACCOUNT = 20

/** A counter, and the failures at which it refuses. */
export type Gate = { readonly key: string; readonly max: number }

/** Recent failures, on all instances together. */
export type Failures = {
  readonly account: number
  readonly address: number
  readonly network: number
  readonly device: number
  readonly family: number
}

/** How long a guess at an account that was guessed wrong so often waits before it is looked at, ms. */
export function delayOf(failures: number): number {
  const beyond = failures - FREE_FAILURES
  return beyond < 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** beyond, LONGEST_DELAY_MS)
}

/** Of a device that has shown nothing: at which account, by the name of its counter, and from where. */
type Attempt = { readonly account: string; readonly address: string }

type Dependencies = {
  readonly secret: string
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Keys of the counters, and the room in which slowed logins wait. Nothing is ever locked: a stranger can slow a login down
 * to the longest delay, and a device that has logged in before not even that.
 */
export function createAttempts({ secret, pause }: Dependencies) {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'maeum throttle', 32))
  const keyOf = (kind: string, value: string) =>
    createHmac('sha256', key).update(`${kind} ${value}`).digest('base64url')

  const waitingOf = new Map<string, number>()
  let waiting = 0
  const closing = new AbortController()
  setMaxListeners(MAX_WAITING, closing.signal)

  const count = (holder: string, by: 1 | -1) => {
    const now = (waitingOf.get(holder) ?? 0) + by
    if (now > 0) waitingOf.set(holder, now)
    else waitingOf.delete(holder)
  }

  const wait = async (ms: number, { account, address }: Attempt): Promise<void> => {
    const retryAfter = Math.ceil(ms / 1000)
    const holders = [
      { holder: `address ${address}`, max: MAX_WAITING_OF_ADDRESS },
      { holder: `network ${networkOf(address)}`, max: MAX_WAITING_OF_NETWORK },
      { holder: `account ${account}`, max: MAX_WAITING_AT_ACCOUNT },
    ]
    if (holders.some(({ holder, max }) => (waitingOf.get(holder) ?? 0) >= max))
      throw new AppError('TOO_MANY_ATTEMPTS', { retryAfter })
    if (waiting >= MAX_WAITING) throw new AppError('SERVER_BUSY', { retryAfter })
    waiting++
    for (const { holder } of holders) count(holder, 1)
    try {
      await pause(ms, closing.signal)
    } finally {
      waiting--
      for (const { holder } of holders) count(holder, -1)
    }
  }

  return {
    /** Names of counters: keyed, so that the table tells neither people nor addresses. */
    keyOf,

    /** @throws SERVER_BUSY or TOO_MANY_ATTEMPTS when too many are waiting already. */
    async slow(failures: number, attempt: Attempt): Promise<void> {
      const ms = delayOf(failures)
      if (ms > 0) await wait(ms, attempt)
    },

    /** Nobody waits any longer. */
    close: () => closing.abort(),
  }
}

export type Attempts = ReturnType<typeof createAttempts>
