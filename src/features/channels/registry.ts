import { setImmediate as turn } from 'node:timers/promises'
import type { Channel } from '../../domain/session.ts'
import type { Connection } from './connection.ts'

/** Sessions whose sockets are pinged in one turn of the event loop. */
const PINGED_AT_ONCE = 50

/** The sockets of this process, by session. The newest of a channel is the one that feeds and receives. */
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
    newest: (sessionId: string, channel: Channel): Connection | undefined => of(sessionId, channel).at(-1),
    /** The sockets that these devices opened on sessions of other devices. */
    ofDevices: (familyIds: ReadonlySet<string>): Connection[] =>
      [...bySession.values()].flat().filter(({ familyId }) => familyId !== null && familyIds.has(familyId)),
    all: (sessionId: string): readonly Connection[] => bySession.get(sessionId) ?? [],

    /** Pings everyone, a few at a time: ten thousand in one turn would hold up what others wait for. */
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
