import type { Test } from 'tap'
import { eventually } from './eventually.ts'
import { type Fleet, uncommittedAnswers, type WindowRow } from './fleet.ts'
import type { WebClient } from './web-client.ts'

/** The server's clock for a session may be behind its client's by this much. */
const MARGIN_MS = 250
/** On a socket that lives on for so long a server has surely read a frame, */
const READ_MS = 300
/** or stored a window that has closed, also on a busy machine. */
const STORED_MS = 1000
/** So many windows later a busy server has surely read what was sent in one. */
const LATE_WINDOWS = 5

type Options = {
  readonly intervalMs: number
  /** True where the server that is lost has the time to close its open windows. */
  readonly handedOver: boolean
  /** Answers of moved sessions that were sent before their commit may come twice. */
  readonly maySendEarly?: boolean
}

/** Whether the session was served by several instances. */
export const hasMoved = ({ sockets }: WebClient): boolean =>
  new Set(sockets.map(({ instance }) => instance)).size > 1

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
export function isLate(
  { sent, session }: WebClient,
  window: number,
  rows: readonly WindowRow[],
  intervalMs: number,
): boolean {
  const sentIn = (number: number) =>
    sent.filter(({ at }) => Math.floor((at - session.startedAt) / intervalMs) + 1 === number).length
  let [sentSince, receivedSince] = [sentIn(window), 0]
  for (let next = window + 1; next <= window + LATE_WINDOWS; next++) {
    const row = rows.find(({ id, window: number }) => id === session.id && number === next)
    sentSince += sentIn(next)
    receivedSince += row?.frames ?? 0
    // All that was sent since then has been counted, or this one had more than was sent in it.
    if (receivedSince >= sentSince || (row !== undefined && row.frames > sentIn(next) + 1)) return true
  }
  return false
}

/** A window of a session, as the ledger names it. */
export const keyOf = ({ id, window }: { readonly id: string; readonly window: number }) =>
  `${id.slice(-4)} ${window}`

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
  const stored = rows.map(keyOf)
  const expected = clients.flatMap((client) =>
    expectedWindows(client, options)
      .filter((window) => !isLate(client, window, rows, options.intervalMs))
      .map((window) => keyOf({ id: client.session.id, window })),
  )
  const updates = clients.flatMap((client) =>
    client.updates().map(({ window, at }) => ({ key: keyOf({ id: client.session.id, window }), at })),
  )
  const sent = updates.map((update) => update.key)
  /** On a busy machine the database may be slow, and a session that is claimed meanwhile has another owner. */
  const early = new Set(
    clients
      .filter((client) => options.maySendEarly === true && hasMoved(client))
      .flatMap(({ session }) =>
        uncommittedAnswers(fleet.instances, session).map((window) => keyOf({ id: session.id, window })),
      ),
  )
  return {
    rows,
    expected,
    stored,
    missing: expected.filter((one) => !stored.includes(one)),
    undelivered: stored.filter((one) => !sent.includes(one)),
    unstored: sent.filter((one) => !stored.includes(one)),
    twice: updates.filter((one, place) => sent.lastIndexOf(one.key) !== place && !early.has(one.key)),
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
  const isSuperseded = ({ id, epoch, delivered_at }: WindowRow, rows: readonly WindowRow[]) =>
    delivered_at === null && rows.some((later) => later.id === id && later.epoch > epoch)
  const reconnected = new Set<WebClient>()
  /** What a former owner has stored after it had lost the session comes on the next socket. */
  const reconnect = (rows: readonly WindowRow[]) => {
    for (const client of clients) {
      const has = rows.some((row) => row.id === client.session.id && isSuperseded(row, rows))
      if (!has || reconnected.has(client)) continue
      reconnected.add(client)
      client.moveTo(client.sockets.at(-1)?.instance)
    }
  }
  let ledger = await balance(fleet, clients, options)
  await eventually(async () => {
    ledger = await balance(fleet, clients, options)
    if (ledger.undelivered.length > 0) reconnect(ledger.rows)
    return isSettled(ledger)
  }, Boolean).catch(() => undefined) // what is open then is told below
  const { expected, stored, missing, undelivered, unstored, twice } = ledger
  t.comment(
    `${clients.length} sessions: expected ${expected.length}, stored ${stored.length}, delivered ${stored.length - undelivered.length}, delivered twice ${twice.length}`,
  )
  t.same({ missing, undelivered, unstored }, { missing: [], undelivered: [], unstored: [] })
  return ledger
}
