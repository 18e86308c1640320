/** The right to one call in flight. */
type Slot = {
  readonly release: () => void
  /** From now on the call may be ended by `evict` to make room for one that waits. */
  readonly allowEviction: (evict: () => void) => void
}

type Waiter = (slot: Slot | undefined) => void

/**
 * Bounds how many calls are in flight and how many wait. Those that wait are served in turn, one of each caller, so that
 * a caller with many calls delays the others by one. Calls that have missed their deadline make room.
 */
export function createBulkhead({ slots, queue }: { slots: number; queue: number }) {
  let free = slots
  let waiting = 0
  /** The caller that has waited longest is first. */
  const callers = new Map<object, Waiter[]>()
  /** Oldest first. */
  const evictable = new Set<() => void>()

  const next = (): Waiter | undefined => {
    const [first] = callers
    if (first === undefined) return undefined
    const [caller, line] = first
    const waiter = line.shift()
    callers.delete(caller)
    if (line.length > 0) callers.set(caller, line)
    waiting--
    return waiter
  }

  const removeWaiter = (caller: object, waiter: Waiter) => {
    const line = callers.get(caller)
    const index = line?.indexOf(waiter) ?? -1
    if (line === undefined || index < 0) return
    line.splice(index, 1)
    if (line.length === 0) callers.delete(caller)
    waiting--
  }

  const createSlot = (): Slot => {
    let isReleased = false
    let onEvict: (() => void) | undefined
    return {
      release() {
        if (isReleased) return
        isReleased = true
        if (onEvict !== undefined) evictable.delete(onEvict)
        const waiter = next()
        if (waiter === undefined) free++
        else waiter(createSlot())
      },
      allowEviction(evict) {
        if (isReleased || onEvict !== undefined) return
        onEvict = () => evict()
        evictable.add(onEvict)
        if (waiting > 0) evictOldest()
      },
    }
  }

  /** Its call ends of itself and releases the slot then. */
  const evictOldest = () => {
    const [oldest] = evictable
    if (oldest === undefined) return
    evictable.delete(oldest)
    oldest()
  }

  const tryAcquire = (): Slot | undefined => {
    if (free === 0) return undefined
    free--
    return createSlot()
  }

  return {
    /** A slot that is free now, else undefined. */
    tryAcquire,
    /** A slot within `patienceMs`; undefined when there is none by then, too many wait, or `signal` aborts. */
    async acquire(caller: object, patienceMs: number, signal: AbortSignal): Promise<Slot | undefined> {
      const ready = tryAcquire()
      if (ready !== undefined) return ready
      if (waiting >= queue || patienceMs <= 0 || signal.aborted) return undefined
      return new Promise((resolve) => {
        const settle: Waiter = (slot) => {
          clearTimeout(timer)
          signal.removeEventListener('abort', giveUp)
          resolve(slot)
        }
        const giveUp = () => {
          removeWaiter(caller, settle)
          settle(undefined)
        }
        const timer = setTimeout(giveUp, patienceMs)
        signal.addEventListener('abort', giveUp, { once: true })
        const line = callers.get(caller)
        if (line === undefined) callers.set(caller, [settle])
        else line.push(settle)
        waiting++
        evictOldest()
      })
    },
  }
}

export type Bulkhead = ReturnType<typeof createBulkhead>
