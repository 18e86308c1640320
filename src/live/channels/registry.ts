import { setImmediate as turn } from 'node:timers/promises'
import type { Channel } from '../../domain/session.ts'
import type { Connection } from './connection.ts'

/** Sessions whose sockets are pinged in one turn of the event loop. */
const PINGED_AT_ONCE = 50

/**
 * The sockets of this process, by session. One socket of each channel feeds and receives: the newest that sends (the
 * hidden tab of a browser keeps its socket open and sends nothing), or the newest where none sends.
 */
export function createRegistry() {
  const bySession = new Map<string, Connection[]>()

  const of = (sessionId: string, channel: Channel) =>
    (bySession.get(sessionId) ?? []).filter((connection) => connection.channel === channel)

  return {
    add(connection: Connection): void {
      bySession.set(connection.sessionId, [...(bySession.get(connection.sessionId) ?? []), connection])
    },

    remove(connection: Connection): void {
      const left = (bySession.get(connection.sessionId) ?? []).filter((other) => other !== connection)
      if (left.length > 0) bySession.set(connection.sessionId, left)
      else bySession.delete(connection.sessionId)
    },

    of,
    /** Sessions that have a socket here. */
    sessions: (): string[] => [...bySession.keys()],
    /** In the order of preference for sending. */
    receiving: (sessionId: string, channel: Channel): readonly Connection[] => {
      const newestFirst = of(sessionId, channel).reverse()
      const sending = newestFirst.find((connection) => connection.isSending())
      return sending === undefined
        ? newestFirst
        : [sending, ...newestFirst.filter((connection) => connection !== sending)]
    },
    /** Whether frames of this socket count: no newer one sends. */
    isFeeding: (connection: Connection): boolean => {
      const all = bySession.get(connection.sessionId) ?? []
      for (let place = all.length - 1; place >= 0; place--) {
        const other = all[place]
        if (other === connection) return true
        if (other?.channel === connection.channel && other.isSending()) return false
      }
      return false
    },
    /** Whether any socket sends frames. */
    isFed: (sessionId: string): boolean =>
      of(sessionId, 'landmarks').some((connection) => connection.isSending()),
    newest: (sessionId: string, channel: Channel): Connection | undefined => of(sessionId, channel).at(-1),
    /** The sockets that these devices opened on sessions of other devices. */
    ofDevices: (familyIds: ReadonlySet<string>): Connection[] =>
      [...bySession.values()].flat().filter(({ familyId }) => familyId !== null && familyIds.has(familyId)),
    all: (sessionId: string): readonly Connection[] => bySession.get(sessionId) ?? [],

    /** Pings all sockets, a few in each turn of the event loop: ten thousand in one turn would delay others. */
    async beat(): Promise<void> {
      const ping = JSON.stringify({ type: 'ping', data: { ts: Date.now() } })
      for (const [place, connections] of [...bySession.values()].entries()) {
        if (place % PINGED_AT_ONCE === PINGED_AT_ONCE - 1) await turn()
        for (const connection of connections) connection.ping(ping)
      }
    },
  }
}

export type Registry = ReturnType<typeof createRegistry>
