import { LRUCache } from 'lru-cache'
import { entryLimit } from '../../lib/entry-limit.ts'

/** Bytes of invalid traffic that are read in each millisecond, and for how many ms of it at once. */
const USER_BYTES_PER_MS = 256
/** Many users may share an address. */
const ADDRESS_BYTES_PER_MS = 1024
const AT_ONCE_MS = 4000
/** Longest pause of reading: pings of the peer have to be answered. */
const LONGEST_MS = 5000
const REMEMBERED = 20_000

/** Cost of a valid message in bytes: 50 sessions of one user send a fifth of what this allows. */
const MESSAGE_BYTES = 48
/** Cost of invalid traffic beside its bytes: also an empty message has to be read and rejected. */
const REFUSAL_BYTES = 512

/** Accounts by key, each of which recovers `bytesPerMs`. */
function createAccounts(bytesPerMs: number, monotonic: () => number) {
  /** When the account is settled. */
  const paidAt = new LRUCache<string | number, number>(entryLimit(REMEMBERED))
  /** Charges the account; returns for how many ms reading pauses, usually 0. */
  return (key: string | number, bytes: number): number => {
    const now = monotonic()
    const earliest = now - AT_ONCE_MS
    const paid =
      Math.min(Math.max(paidAt.get(key) ?? earliest, earliest), now + LONGEST_MS) + bytes / bytesPerMs
    paidAt.set(key, paid)
    return Math.min(LONGEST_MS, Math.max(0, paid - now))
  }
}

/**
 * Accounts for invalid traffic: invalid messages, messages over a budget, protocol pings. Reading it costs as much as
 * reading valid messages, so its sender is read more slowly, on all sockets of the user and of the address together.
 * Nothing is dropped and no connection is closed: TCP flow control holds back what is not read. Valid messages are
 * charged to their user alone, at a rate that only a flood exceeds.
 */
export function createTrafficAccounts(monotonic: () => number) {
  const users = createAccounts(USER_BYTES_PER_MS, monotonic)
  const addresses = createAccounts(ADDRESS_BYTES_PER_MS, monotonic)
  return {
    /** Returns for how many ms reading pauses. */
    chargeMessage: (userId: number): number => users(userId, MESSAGE_BYTES),
    /** Returns for how many ms reading pauses. */
    chargeInvalid: (userId: number, address: string, bytes: number): number => {
      const cost = REFUSAL_BYTES + bytes
      return Math.max(users(userId, cost), addresses(address, cost))
    },
  }
}
