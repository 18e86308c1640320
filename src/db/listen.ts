import { pause, within } from '../lib/deadline.ts'
import { Connection, type ParsedOptions } from './connection.ts'
import { type DriverSocket, silent, socketError } from './driver-socket.ts'
import type { Manners } from './manners.ts'

export type Subscription = {
  /** An identifier of Postgres, of lower case. */
  readonly channel: string
  readonly onNotice: (payload: string) => void
  /** Whenever listening begins, again: what was sent in between has been missed. */
  readonly onListening: () => void
  /** Whenever it cannot begin, or has ended. */
  readonly onFailure: (error: unknown) => void
}

type Dependencies = {
  readonly options: ParsedOptions
  readonly open: (signal: AbortSignal) => Promise<DriverSocket>
  /** Aborts when there is to be no more listening. */
  readonly signal: AbortSignal
  /** Dispatches `renew` when the server is no longer the one to listen to. */
  readonly renewals: EventTarget
  readonly manners: Manners
}

const LISTEN_MS = 10_000
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000

/** Listens until the signal aborts, on one connection after the other. */
export async function listen(subscription: Subscription, deps: Dependencies): Promise<void> {
  const { signal } = deps
  let pauseMs = FIRST_PAUSE_MS
  const onListening = () => {
    pauseMs = FIRST_PAUSE_MS
    subscription.onListening()
  }
  for (;;) {
    const manner = deps.manners.now
    const error = await listenOnce({ ...subscription, onListening }, deps)
    if (signal.aborted) return
    if (error instanceof Error && deps.manners.isWorthRetry(error, manner)) continue
    subscription.onFailure(error)
    await pause(pauseMs, signal)
    pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
  }
}

/** Resolves with the reason when listening could not begin or has ended. */
function listenOnce(
  { channel, onNotice, onListening }: Subscription,
  { signal, options, open, renewals }: Dependencies,
): Promise<unknown> {
  return new Promise((resolve) => {
    const connection = new Connection({
      options,
      open,
      connectTicks: Infinity, // there is no clock here: see LISTEN_MS
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
