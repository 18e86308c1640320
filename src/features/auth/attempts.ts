import { createHmac, hkdfSync } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { AppError } from '../../protocol/errors.ts'
import { networkOf } from '../../http/caller.ts'

/** Allowed failures of one address, or of one known device, within `COUNTED_FOR_MS`. */
export const MAX_FAILURES = 20
export const COUNTED_FOR_MS = 10 * 60_000
/** A client that has guessed names or passwords too often may try again after this time. */
export const PROBED_RETRY_SECONDS = 600

/** Limits of a large network (/48 of IPv6), as a multiple of those of one address. */
export const NETWORK_SHARE = 20

/** The first failures are not delayed; each further failure doubles the delay. */
const FREE_FAILURES = 5
const FIRST_DELAY_MS = 250
/** During an attack on an account, its owner can log in from an unknown device after this delay. */
const MAX_DELAY_MS = 8000
/** Limits for waiting logins: in all, per address and per network. Each is a connection and a few hundred bytes. */
const MAX_WAITING = 2000
const MAX_WAITING_OF_ADDRESS = 10
const MAX_WAITING_OF_NETWORK = MAX_WAITING_OF_ADDRESS * NETWORK_SHARE
/** Limit per account, because parallel waits multiply the rate of guesses. */
const MAX_WAITING_AT_ACCOUNT = 20

/** A counter, and the number of failures at which logins are refused. */
export type Gate = { readonly key: string; readonly max: number }

/** Recent failures on all instances. */
export type Failures = {
  readonly account: number
  readonly address: number
  readonly network: number
  readonly device: number
  readonly family: number
}

/** Delay (ms) before a login to an account with so many failures is checked. */
export function getDelayMs(failures: number): number {
  const beyond = failures - FREE_FAILURES
  return beyond < 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** beyond, MAX_DELAY_MS)
}

/** A login from an unknown device: the key of the account's counter, and the caller's address. */
type Attempt = { readonly account: string; readonly address: string }

type Dependencies = {
  readonly secret: string
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Creates the keys of the counters and delays logins. Accounts are never locked: an attacker can delay the owner's
 * login by at most `MAX_DELAY_MS`, and not at all on a device that has logged in before.
 */
export function createAttempts({ secret, pause }: Dependencies) {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'maeum throttle', 32))
  const createKey = (kind: string, value: string) =>
    createHmac('sha256', key).update(`${kind} ${value}`).digest('base64url')

  const waitingBy = new Map<string, number>()
  let waiting = 0
  const closing = new AbortController()
  setMaxListeners(MAX_WAITING, closing.signal)

  const addWaiting = (holder: string, by: 1 | -1) => {
    const count = (waitingBy.get(holder) ?? 0) + by
    if (count > 0) waitingBy.set(holder, count)
    else waitingBy.delete(holder)
  }

  const wait = async (ms: number, { account, address }: Attempt): Promise<void> => {
    const retryAfter = Math.ceil(ms / 1000)
    const holders = [
      { holder: `address ${address}`, max: MAX_WAITING_OF_ADDRESS },
      { holder: `network ${networkOf(address)}`, max: MAX_WAITING_OF_NETWORK },
      { holder: `account ${account}`, max: MAX_WAITING_AT_ACCOUNT },
    ]
    if (holders.some(({ holder, max }) => (waitingBy.get(holder) ?? 0) >= max))
      throw new AppError('TOO_MANY_ATTEMPTS', { retryAfter })
    if (waiting >= MAX_WAITING) throw new AppError('SERVER_BUSY', { retryAfter })
    waiting++
    for (const { holder } of holders) addWaiting(holder, 1)
    try {
      await pause(ms, closing.signal)
    } finally {
      waiting--
      for (const { holder } of holders) addWaiting(holder, -1)
    }
  }

  return {
    /** The counters of an address and of its network. */
    createGates: (kind: string, address: string): readonly [ofAddress: Gate, ofNetwork: Gate] => [
      { key: createKey(kind, address), max: MAX_FAILURES },
      { key: createKey(`${kind} network`, networkOf(address)), max: MAX_FAILURES * NETWORK_SHARE },
    ],

    /** Keys of counters are HMACs, so that the table reveals neither users nor addresses. */
    createKey,

    /** @throws SERVER_BUSY or TOO_MANY_ATTEMPTS if too many logins are waiting. */
    async delay(failures: number, attempt: Attempt): Promise<void> {
      const ms = getDelayMs(failures)
      if (ms > 0) await wait(ms, attempt)
    },

    /** Ends all delays. */
    close: () => closing.abort(),
  }
}

export type Attempts = ReturnType<typeof createAttempts>
