import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** The directory of a test server's unix socket, or a TCP port of this machine. */
export type Upstream = string | number

export type TcpProxy = {
  readonly port: number
  /** New connections go there from now on. */
  leadTo(upstream: Upstream): void
  /** Resets every connection, as a network that breaks. */
  cut(): void
  /** Stops forwarding in both directions while connections stay open, as a server that hangs. */
  freeze(): void
  close(): Promise<void>
}

const connectTo = (upstream: Upstream): Socket =>
  typeof upstream === 'number' ? connect(upstream, '127.0.0.1') : connect(`${upstream}/.s.PGSQL.5432`)

/** A TCP port on this machine in front of a test server. */
export async function startTcpProxy(first: Upstream, port = 0): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; upstream: Socket }>()
  let target = first
  const server = createServer((client) => {
    const pair = { client, upstream: connectTo(target) }
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
    leadTo: (upstream) => {
      target = upstream
    },
    // One that is ending cannot be reset: Node would keep its handle, and the process could not exit.
    cut: () =>
      pairs.forEach(({ client }) => {
        if (client.writableEnded) client.destroy()
        else client.resetAndDestroy()
      }),
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
