import { LRUCache } from 'lru-cache'

/** Bytes of invalid traffic that are read in a millisecond, permanently, and for how many ms of it at once. */
const USER_BYTES_PER_MS = 256
/** An address may belong to many people. */
const ADDRESS_BYTES_PER_MS = 1024
const AT_ONCE_MS = 4000
/** No peer is left unread for longer: its pings have to be answered. */
const LONGEST_MS = 5000
const REMEMBERED = 20_000

/** What a message that was good costs, in such bytes: 50 sessions of one user send a fifth of what this allows. */
const MESSAGE_BYTES = 48
/** What invalid traffic costs beside its bytes: also an empty message has to be read and refused. */
const REFUSAL_BYTES = 512

/** Accounts by key, each of which pays off `bytesPerMs`. */
function createAccounts(bytesPerMs: number, monotonic: () => number) {
  /** When all is paid off that has come so far. */
  const paidAt = new LRUCache<string | number, number>({ max: REMEMBERED })
  /** Charges the account; for how many ms its owner is to be left unread, 0 as a rule. */
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
 * Keeps account of traffic that is good for nothing: invalid or over a budget, and pings of the protocol. Reading it
 * costs as much as reading what is good, so its sender is read more slowly, on all sockets of the user, and of the
 * address, together. Nothing is thrown away and no connection is closed; the network holds back what is not read.
 * Good messages are charged to their user alone, and so little that only a flood of them is noticed.
 */
export function createWaste(monotonic: () => number) {
  const users = createAccounts(USER_BYTES_PER_MS, monotonic)
  const addresses = createAccounts(ADDRESS_BYTES_PER_MS, monotonic)
  return {
    /** For how many ms the socket of a good message is to be left unread. */
    message: (userId: number): number => users(userId, MESSAGE_BYTES),
    /** For how many ms the socket of so many useless bytes is to be left unread. */
    waste: (userId: number, address: string, bytes: number): number => {
      const cost = REFUSAL_BYTES + bytes
      return Math.max(users(userId, cost), addresses(address, cost))
    },
  }
}
