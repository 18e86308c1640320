import type { Channel } from '../../domain/session.ts'
import type { Connection } from './connection.ts'

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
    all: (sessionId: string): readonly Connection[] => bySession.get(sessionId) ?? [],

    /** Pings everyone. */
    beat(): void {
      const ping = JSON.stringify({ type: 'ping', data: { ts: Date.now() } })
      for (const connections of bySession.values())
        for (const connection of connections) connection.ping(ping)
    },
  }
}

export type Registry = ReturnType<typeof createRegistry>
