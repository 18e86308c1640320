import { setImmediate as turn } from 'node:timers/promises'
import type { Channel } from '../../domain/session.ts'
import type { Connection } from './connection.ts'

type Member = {
  readonly connection: Connection
  /** Whether it has sent a landmarks frame in the current window of its session or in the previous one. */
  readonly isSending: () => boolean
}

/** Sessions whose sockets are pinged in one turn of the event loop. */
const PINGED_AT_ONCE = 50

/**
 * The sockets of this process, by session. One socket of each channel feeds and receives: the newest that sends (the
 * hidden tab of a browser keeps its socket open and sends nothing), or the newest where none sends.
 */
export function createRegistry() {
  const bySession = new Map<string, Member[]>()

  const members = (sessionId: string, channel: Channel) =>
    (bySession.get(sessionId) ?? []).filter(({ connection }) => connection.channel === channel)
  const of = (sessionId: string, channel: Channel) =>
    members(sessionId, channel).map(({ connection }) => connection)

  return {
    add(connection: Connection, isSending: Member['isSending'] = () => false): void {
      const others = bySession.get(connection.sessionId) ?? []
      bySession.set(connection.sessionId, [...others, { connection, isSending }])
    },

    remove(connection: Connection): void {
      const left = (bySession.get(connection.sessionId) ?? []).filter(
        (other) => other.connection !== connection,
      )
      if (left.length > 0) bySession.set(connection.sessionId, left)
      else bySession.delete(connection.sessionId)
    },

    of,
    /** Sessions that have a socket here. */
    sessions: (): string[] => [...bySession.keys()],
    /** In the order of preference for sending. */
    receiving: (sessionId: string, channel: Channel): readonly Connection[] => {
      const newestFirst = of(sessionId, channel).reverse()
      const sending = members(sessionId, channel).findLast(({ isSending }) => isSending())?.connection
      return sending === undefined
        ? newestFirst
        : [sending, ...newestFirst.filter((connection) => connection !== sending)]
    },
    /** Whether frames of this socket count: no newer one sends. */
    isFeeding: (connection: Connection): boolean => {
      const all = bySession.get(connection.sessionId) ?? []
      for (let place = all.length - 1; place >= 0; place--) {
        const other = all[place]
        if (other?.connection === connection) return true
        if (other?.connection.channel === connection.channel && other.isSending()) return false
      }
      return false
    },
    /** Whether any socket sends frames. */
    isFed: (sessionId: string): boolean =>
      members(sessionId, 'landmarks').some(({ isSending }) => isSending()),
    newest: (sessionId: string, channel: Channel): Connection | undefined => of(sessionId, channel).at(-1),
    /** The sockets that these devices opened on sessions of other devices. */
    ofDevices: (familyIds: ReadonlySet<string>): Connection[] =>
      [...bySession.values()]
        .flat()
        .map(({ connection }) => connection)
        .filter(({ familyId }) => familyId !== null && familyIds.has(familyId)),
    all: (sessionId: string): readonly Connection[] =>
      (bySession.get(sessionId) ?? []).map(({ connection }) => connection),

    /** Pings all sockets, a few in each turn of the event loop: ten thousand in one turn would delay others. */
    async beat(): Promise<void> {
      const ping = JSON.stringify({ type: 'ping', data: { ts: Date.now() } })
      for (const [place, sockets] of [...bySession.values()].entries()) {
        if (place % PINGED_AT_ONCE === PINGED_AT_ONCE - 1) await turn()
        for (const { connection } of sockets) connection.ping(ping)
      }
    },
  }
}

export type Registry = ReturnType<typeof createRegistry>
