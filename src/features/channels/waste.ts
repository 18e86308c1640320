import { LRUCache } from 'lru-cache'

/** What one user's sockets may send that is good for nothing: bytes a millisecond for ever, and so many ms of it at once. */
const BYTES_PER_MS = 256
const AT_ONCE_MS = 4000
/** No peer is left unheard for longer: its pings have to be answered. */
const LONGEST_MS = 5000
const REMEMBERED_USERS = 20_000

/**
 * Keeps account of waste: frames that are none, and pings of the protocol. To read it costs as much as to read what is
 * good, so whoever sends much of it is read more slowly, by all their sockets together. Nothing is thrown away and
 * nobody is cut off; the network holds back what we do not take.
 */
export function createWaste(monotonic: () => number) {
  /** For each user when all is paid for that has come so far. */
  const paidAt = new LRUCache<number, number>({ max: REMEMBERED_USERS })

  /** For how many ms the socket that has sent it is to be left alone; 0 as a rule. */
  return (userId: number, bytes: number): number => {
    const now = monotonic()
    const earliest = now - AT_ONCE_MS
    const paid =
      Math.min(Math.max(paidAt.get(userId) ?? earliest, earliest), now + LONGEST_MS) + bytes / BYTES_PER_MS
    paidAt.set(userId, paid)
    return Math.min(LONGEST_MS, Math.max(0, paid - now))
  }
}
