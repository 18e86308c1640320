/** A place among the calls under way. */
export type Seat = {
  leave(): void
  /** From now on the call may be ended by `giveUp` for the sake of one that waits. */
  yieldTo(giveUp: () => void): void
}

type Waiter = (seat: Seat | undefined) => void

/**
 * Bounds how many calls are under way and how many wait. Those that wait are served in turn, one of each caller, so that
 * a caller with many calls delays the others by one. Calls that have missed their deadline make room.
 */
export function createBulkhead({ seats, queue }: { seats: number; queue: number }) {
  let free = seats
  let waiting = 0
  /** Who has waited longest stands first. */
  const callers = new Map<object, Waiter[]>()
  /** Oldest first. */
  const yielding = new Set<() => void>()

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

  const forget = (caller: object, waiter: Waiter) => {
    const line = callers.get(caller)
    const place = line?.indexOf(waiter) ?? -1
    if (line === undefined || place < 0) return
    line.splice(place, 1)
    if (line.length === 0) callers.delete(caller)
    waiting--
  }

  const seat = (): Seat => {
    let left = false
    let giveUp: (() => void) | undefined
    return {
      leave() {
        if (left) return
        left = true
        if (giveUp !== undefined) yielding.delete(giveUp)
        const waiter = next()
        if (waiter === undefined) free++
        else waiter(seat())
      },
      yieldTo(end) {
        if (left || giveUp !== undefined) return
        giveUp = () => end()
        yielding.add(giveUp)
        if (waiting > 0) evict()
      },
    }
  }

  /** Its call ends of itself and leaves the seat then. */
  const evict = () => {
    const [oldest] = yielding
    if (oldest === undefined) return
    yielding.delete(oldest)
    oldest()
  }

  const tryTake = (): Seat | undefined => {
    if (free === 0) return undefined
    free--
    return seat()
  }

  return {
    /** A seat that is free now, else undefined. */
    tryTake,
    /** A seat within `patienceMs`; undefined when there is none by then, too many wait, or `signal` aborts. */
    async take(caller: object, patienceMs: number, signal: AbortSignal): Promise<Seat | undefined> {
      const ready = tryTake()
      if (ready !== undefined) return ready
      if (waiting >= queue || patienceMs <= 0 || signal.aborted) return undefined
      return new Promise((resolve) => {
        const settle: Waiter = (given) => {
          clearTimeout(timer)
          signal.removeEventListener('abort', leave)
          resolve(given)
        }
        const leave = () => {
          forget(caller, settle)
          settle(undefined)
        }
        const timer = setTimeout(leave, patienceMs)
        signal.addEventListener('abort', leave, { once: true })
        const line = callers.get(caller)
        if (line === undefined) callers.set(caller, [settle])
        else line.push(settle)
        waiting++
        evict()
      })
    },
  }
}

export type Bulkhead = ReturnType<typeof createBulkhead>
