/** The right to one call in flight. */
type Slot = {
  readonly release: () => void
  /** From now on the call may be ended by `evict` to make room for a waiting one. */
  readonly allowEviction: (evict: () => void) => void
}

type Waiter = (slot: Slot | undefined) => void

/**
 * Limits how many calls are in flight and how many wait, in order. Calls that have missed their deadline are ended when
 * others wait. A session has few windows in flight, so no session can fill the queue.
 */
export function createBulkhead({ slots, queue }: { slots: number; queue: number }) {
  let free = slots
  /** Longest waiting first, as in all sets. */
  const waiting = new Set<Waiter>()
  const evictable = new Set<() => void>()

  const takeOldest = <T>(set: Set<T>): T | undefined => {
    const [oldest] = set
    if (oldest !== undefined) set.delete(oldest)
    return oldest
  }

  const createSlot = (): Slot => {
    let isReleased = false
    let onEvict: (() => void) | undefined
    return {
      release() {
        if (isReleased) return
        isReleased = true
        if (onEvict !== undefined) evictable.delete(onEvict)
        const waiter = takeOldest(waiting)
        if (waiter === undefined) free++
        else waiter(createSlot())
      },
      allowEviction(evict) {
        if (isReleased || onEvict !== undefined) return
        onEvict = () => evict()
        evictable.add(onEvict)
        if (waiting.size > 0) evictOldest()
      },
    }
  }

  /** The call ends and releases its slot itself. */
  const evictOldest = () => takeOldest(evictable)?.()

  return {
    /** A slot within `patienceMs`; undefined when there is none by then, too many wait, or `signal` aborts. */
    async acquire(patienceMs: number, signal: AbortSignal): Promise<Slot | undefined> {
      if (free > 0) {
        free--
        return createSlot()
      }
      if (waiting.size >= queue || patienceMs <= 0 || signal.aborted) return undefined
      return new Promise((resolve) => {
        const settle: Waiter = (slot) => {
          clearTimeout(timer)
          signal.removeEventListener('abort', giveUp)
          resolve(slot)
        }
        const giveUp = () => {
          waiting.delete(settle)
          settle(undefined)
        }
        const timer = setTimeout(giveUp, patienceMs)
        signal.addEventListener('abort', giveUp, { once: true })
        waiting.add(settle)
        evictOldest()
      })
    },
  }
}

export type Bulkhead = ReturnType<typeof createBulkhead>
