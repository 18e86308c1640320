import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import type { Test } from 'tap'

/** A server that refuses every connection with this error of PostgreSQL; counts them. */
export async function startRefusing(t: Pick<Test, 'teardown'>, code: string, message: string) {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  const state = { calls: 0 }
  const server = createServer((socket) => {
    state.calls++
    socket.on('error', () => socket.destroy())
    socket.once('data', () => socket.end(Buffer.concat([head, fields])))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo // listening on TCP
  return { state, url: `postgres://alice:s3cret@127.0.0.1:${port}/app` }
}
