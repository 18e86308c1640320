import { type BroadcastLike, type Globals, monotonic } from './environment.ts'

/** Carries out `work` while no other tab, worker or client of this page is at the same. */
export type Gate = <T>(work: () => Promise<T>) => Promise<T>

/** A tab that was frozen at work does not stop the others for longer; the server forgives two at once. */
const PATIENCE_MS = 5000

const queues = new Map<string, Promise<unknown>>()

/** One at a time: across tabs by the Web Locks API; without it in this process, and by a word to the other tabs. */
export function createGate(name: string, { navigator, BroadcastChannel }: Globals): Gate {
  const locks = navigator?.locks
  if (locks !== undefined)
    return async (work) => {
      const late = AbortSignal.timeout(PATIENCE_MS)
      // Outcomes and not errors leave the lock, so that an error here means that it could not be had.
      const enter = () => Promise.allSettled([work()])
      const [outcome] = await locks.request(name, { signal: late }, enter).catch(enter)
      if (outcome.status === 'rejected') throw outcome.reason
      return outcome.value
    }
  const word = BroadcastChannel === undefined ? undefined : createWord(new BroadcastChannel(name))
  return (work) => {
    const turn = async () => {
      await word?.othersAreDone()
      word?.say(true)
      try {
        return await work()
      } finally {
        word?.say(false)
      }
    }
    const done = (queues.get(name) ?? Promise.resolve()).then(turn, turn)
    queues.set(name, done)
    return done
  }
}

/** Tabs tell each other that they are at work; two that begin in the same instant both go on. */
function createWord(channel: BroadcastLike) {
  let busyUntil = 0
  let wake: () => void = () => undefined
  channel.unref?.()
  channel.onmessage = ({ data }: { readonly data: unknown }) => {
    busyUntil = data === true ? monotonic() + PATIENCE_MS : 0
    wake()
  }
  return {
    say: (busy: boolean) => channel.postMessage(busy),
    async othersAreDone(): Promise<void> {
      for (let left = busyUntil - monotonic(); left > 0; left = busyUntil - monotonic()) {
        let late: ReturnType<typeof setTimeout> | undefined
        await new Promise<void>((resolve) => {
          wake = resolve
          late = setTimeout(resolve, left)
        })
        clearTimeout(late)
      }
    },
  }
}
