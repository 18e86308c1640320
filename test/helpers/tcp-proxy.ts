import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export type TcpProxy = {
  readonly port: number
  /** Resets every connection, as a network that breaks. */
  cut(): void
  /** Stops forwarding in both directions while connections stay open, as a server that hangs. */
  freeze(): void
  close(): Promise<void>
}

/** A TCP port on this machine in front of the unix socket of a test server. */
export async function startTcpProxy(socketDir: string, port = 0): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; upstream: Socket }>()
  const server = createServer((client) => {
    const pair = { client, upstream: connect(`${socketDir}/.s.PGSQL.5432`) }
    pairs.add(pair)
    for (const socket of Object.values(pair)) {
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        pairs.delete(pair)
        pair.client.destroy()
        pair.upstream.destroy()
      })
    }
    client.pipe(pair.upstream).pipe(client)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port, // listening on TCP
    cut: () => pairs.forEach(({ client }) => client.resetAndDestroy()),
    freeze: () =>
      pairs.forEach(({ client, upstream }) => {
        client.unpipe().pause()
        upstream.unpipe().pause()
      }),
    async close() {
      const closed = once(server, 'close')
      server.close()
      pairs.forEach(({ client }) => client.destroy())
      await closed
    },
  }
}
