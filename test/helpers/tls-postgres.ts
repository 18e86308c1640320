import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import type { Test } from 'tap'

const run = promisify(execFile)
/** False, or why tests with TLS are skipped. */
export const skipTls = await run('openssl', ['version']).then(
  () => false as const,
  () => 'OPENSSL IS NOT INSTALLED: the encrypted way to the database is NOT TESTED here',
)

const NAMES = 'subjectAltName=DNS:localhost'

/** A certificate for `localhost` and the authority that signed it, created for the test. */
export async function makeCertificates(t: Test) {
  const folder = t.testdir({})
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2']
  await openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=a test')
  await openssl(
    ...['req', '-x509', ...key, '-keyout', 'server.key', '-out', 'server.pem', '-subj', '/CN=localhost'],
    ...[
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-addext',
      NAMES,
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ],
  )
  return {
    authority: join(folder, 'ca.pem'),
    cert: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
  }
}

type Certificates = Awaited<ReturnType<typeof makeCertificates>>

const SSL_REQUEST = '0000000804d2162f'

/** A Postgres that requires TLS: accepts the TLS request and forwards decrypted data to the test server. */
export async function startTlsServer(
  t: Pick<Test, 'teardown'>,
  { socketDir, cert, key }: Pick<Certificates, 'cert' | 'key'> & { readonly socketDir: string },
) {
  const sockets = new Set<Socket>()
  const keep = <S extends Socket>(socket: S): S => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket))
    return socket
  }
  const secureContext = createSecureContext({
    cert: await readFile(cert),
    key: await readFile(key),
  })
  let served = 0
  const server = createServer((plain) => {
    keep(plain).once('data', (asked) => {
      if (asked.toString('hex') !== SSL_REQUEST) {
        plain.destroy()
        return
      }
      plain.write('S')
      const secured = keep(new TLSSocket(plain, { isServer: true, secureContext }))
      const postgres = keep(connect(`${socketDir}/.s.PGSQL.5432`))
      secured.once('data', () => served++)
      secured.pipe(postgres).pipe(secured)
      secured.once('close', () => postgres.destroy())
      postgres.once('close', () => secured.destroy())
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(async () => {
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  })
  return {
    port: (server.address() as AddressInfo).port, // listening on TCP
    /** Connections that received more than the handshake: names, passwords, queries. */
    served: () => served,
  }
}
