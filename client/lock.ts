import { type BroadcastLike, type Globals, monotonic } from './environment.ts'

/** Runs `work` exclusively among the tabs, workers and clients of this site. */
export type Lock = <T>(work: () => Promise<T>) => Promise<T>

/** Longest wait for a frozen tab; the server tolerates two concurrent refreshes. */
const LOCK_TIMEOUT_MS = 5000

const queues = new Map<string, Promise<unknown>>()

/** Uses the Web Locks API; without it, a queue in this process and a BroadcastChannel to the other tabs. */
export function createLock(name: string, { navigator, BroadcastChannel }: Globals): Lock {
  const locks = navigator?.locks
  if (locks !== undefined)
    return async (work) => {
      const signal = AbortSignal.timeout(LOCK_TIMEOUT_MS)
      // Errors of `work` are settled inside: a rejection here means that the lock was not acquired.
      const run = () => Promise.allSettled([work()])
      const [outcome] = await locks.request(name, { signal }, run).catch(run)
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    }
  const busySignal = BroadcastChannel === undefined ? undefined : createBusySignal(new BroadcastChannel(name))
  return (work) => {
    const turn = async () => {
      await busySignal?.waitForOthers()
      busySignal?.send(true)
      try {
        return await work()
      } finally {
        busySignal?.send(false)
      }
    }
    const done = (queues.get(name) ?? Promise.resolve()).then(turn, turn)
    queues.set(name, done)
    return done
  }
}

/** Broadcasts to other tabs that work is in progress; two tabs that start at the same instant both proceed. */
function createBusySignal(channel: BroadcastLike) {
  let busyUntil = 0
  let wake: () => void = () => undefined
  channel.unref?.()
  channel.onmessage = ({ data }: { readonly data: unknown }) => {
    busyUntil = data === true ? monotonic() + LOCK_TIMEOUT_MS : 0
    wake()
  }
  return {
    send: (busy: boolean) => channel.postMessage(busy),
    async waitForOthers(): Promise<void> {
      for (let left = busyUntil - monotonic(); left > 0; left = busyUntil - monotonic()) {
        let timer: ReturnType<typeof setTimeout> | undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          timer = setTimeout(resolve, left)
        })
        clearTimeout(timer)
      }
    },
  }
}
