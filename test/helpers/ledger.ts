import type { Test } from 'tap'
import { eventually } from './eventually.ts'
import type { Fleet, WindowRow } from './fleet.ts'
import type { WebClient } from './web-client.ts'

/** The server's clock for a session may be behind its client's by this much. */
const MARGIN_MS = 250
/** On a socket that lives on for so long a server has surely read a frame, */
const READ_MS = 300
/** or stored a window that has closed, also on a busy machine. */
const STORED_MS = 1000

type Options = {
  readonly intervalMs: number
  /** True where the server that is lost has the time to close its open windows. */
  readonly handedOver: boolean
}

/** Windows of which the server surely had a frame: sent well inside, on a socket that lived on for long enough. */
function expectedWindows({ sent, session }: WebClient, { intervalMs, handedOver }: Options): number[] {
  const sure = sent.flatMap(({ at, socket }) => {
    const elapsed = at - session.startedAt
    const inside = elapsed % intervalMs
    if (inside < MARGIN_MS || inside > intervalMs - MARGIN_MS) return []
    const safeAt = handedOver ? at + READ_MS : at - inside + intervalMs + STORED_MS
    const closedAt = socket.lostAt ?? socket.closed?.at ?? Number.POSITIVE_INFINITY
    return closedAt > safeAt ? [Math.floor(elapsed / intervalMs) + 1] : []
  })
  return [...new Set(sure)]
}

/** Whether a busy server read this window's frames so late that they counted for a later one: nothing is lost then. */
function isLate(
  { sent, session }: WebClient,
  window: number,
  rows: readonly WindowRow[],
  intervalMs: number,
): boolean {
  const sentIn = (number: number) =>
    sent.filter(({ at }) => Math.floor((at - session.startedAt) / intervalMs) + 1 === number).length
  const next = rows.filter((row) => row.id === session.id && row.window > window && row.window <= window + 2)
  const received = next.reduce((sum, { frames }) => sum + frames, 0)
  // All that was sent meanwhile has been counted, or one of the next windows had more than was sent in it.
  return (
    received >= sentIn(window) + sentIn(window + 1) + sentIn(window + 2) ||
    next.some((row) => row.frames > sentIn(row.window) + 1)
  )
}

const key = (id: string, window: number) => `${id.slice(-4)} ${window}`

export type Ledger = {
  readonly rows: readonly WindowRow[]
  readonly stored: readonly string[]
  readonly missing: readonly string[]
  readonly undelivered: readonly string[]
  readonly unstored: readonly string[]
  /** Sent again after `at`, ms since the epoch. */
  readonly twice: readonly { readonly key: string; readonly at: number }[]
}

/** What became of each window of these clients. */
async function balance(
  fleet: Fleet,
  clients: readonly WebClient[],
  options: Options,
): Promise<Ledger & { expected: string[] }> {
  const rows = await fleet.rows(clients.map(({ session }) => session))
  const stored = rows.map(({ id, window }) => key(id, window))
  const expected = clients.flatMap((client) =>
    expectedWindows(client, options)
      .filter((window) => !isLate(client, window, rows, options.intervalMs))
      .map((window) => key(client.session.id, window)),
  )
  const updates = clients.flatMap((client) =>
    client.updates().map(({ window, at }) => ({ key: key(client.session.id, window), at })),
  )
  const sent = updates.map((update) => update.key)
  return {
    rows,
    expected,
    stored,
    missing: expected.filter((one) => !stored.includes(one)),
    undelivered: stored.filter((one) => !sent.includes(one)),
    unstored: sent.filter((one) => !stored.includes(one)),
    twice: updates.filter((one, place) => sent.lastIndexOf(one.key) !== place),
  }
}

/**
 * Stops the clients' frames, waits for what is under way, and checks that every window that had frames is stored, that
 * every stored one was delivered, and nothing that is not stored. The caller looks at `twice`.
 */
export async function settle(
  t: Test,
  fleet: Fleet,
  clients: readonly WebClient[],
  options: Options,
): Promise<Ledger> {
  for (const client of clients) client.stream(false)
  const isSettled = ({ missing, undelivered, unstored }: Ledger) =>
    missing.length + undelivered.length + unstored.length === 0
  let ledger = await balance(fleet, clients, options)
  await eventually(async () => {
    ledger = await balance(fleet, clients, options)
    return isSettled(ledger)
  }, Boolean).catch(() => undefined) // what is open then is told below
  const { expected, stored, missing, undelivered, unstored, twice } = ledger
  t.comment(
    `${clients.length} sessions: expected ${expected.length}, stored ${stored.length}, delivered ${stored.length - undelivered.length}, delivered twice ${twice.length}`,
  )
  t.same({ missing, undelivered, unstored }, { missing: [], undelivered: [], unstored: [] })
  return ledger
}
