import { createBackoff } from '../lib/backoff.ts'
import { within } from '../lib/deadline.ts'
import { Connection, type ParsedOptions } from './connection.ts'
import { type DriverSocket, silent, socketError } from './driver-socket.ts'
import type { PoolMode } from './connection-mode.ts'

export type Subscription = {
  /** A lower-case Postgres identifier. */
  readonly channel: string
  readonly onNotice: (payload: string) => void
  /** Called each time listening starts. Earlier notices may have been missed. */
  readonly onListening: () => void
  /** Called each time listening cannot start or has ended. */
  readonly onFailure: (error: unknown) => void
}

type Dependencies = {
  readonly options: ParsedOptions
  readonly open: (signal: AbortSignal) => Promise<DriverSocket>
  /** Ends listening. */
  readonly signal: AbortSignal
  /** Dispatches `renew` when the server is no longer the primary. */
  readonly renewals: EventTarget
  readonly mode: PoolMode
}

const LISTEN_MS = 10_000
const PAUSES = { firstMs: 50, longestMs: 1000 }

/** Listens until the signal aborts, on successive connections. */
export async function listen(subscription: Subscription, deps: Dependencies): Promise<void> {
  const { signal } = deps
  const backoff = createBackoff(PAUSES)
  const onListening = () => {
    backoff.reset()
    subscription.onListening()
  }
  for (;;) {
    const mode = deps.mode.current
    const error = await listenOnce({ ...subscription, onListening }, deps)
    if (signal.aborted) return
    if (error instanceof Error && deps.mode.isWorthRetry(error, mode)) continue
    subscription.onFailure(error)
    await backoff.wait(signal)
  }
}

/** Resolves with the reason when listening could not start or has ended. */
function listenOnce(
  { channel, onNotice, onListening }: Subscription,
  { signal, options, open, renewals }: Dependencies,
): Promise<unknown> {
  return new Promise((resolve) => {
    const connection = new Connection({
      options,
      open,
      connectTicks: Infinity, // no ticks here: see LISTEN_MS
      onNotice: (_channel, payload) => onNotice(payload),
      onReady: () => undefined,
      onLost: (_connection, error) => {
        signal.removeEventListener('abort', end)
        renewals.removeEventListener('renew', renew)
        resolve(error)
      },
    })
    const end = () => {
      if (connection.isIdle) connection.end()
      else connection.fail(socketError('CONNECTION_ENDED', 'the database is being closed'))
    }
    signal.addEventListener('abort', end)
    const renew = () =>
      connection.fail(socketError('CONNECTION_ENDED', 'the server takes no writes; another is listened to'))
    renewals.addEventListener('renew', renew)
    const begin = async () => {
      if ((await within(connection.sql.unsafe(`listen ${channel}`), LISTEN_MS)) === 'late') throw silent()
      onListening()
    }
    begin().catch((error: unknown) => connection.fail(error instanceof Error ? error : silent()))
  })
}
