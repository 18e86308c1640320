import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createSecureContext, TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { openDatabase, waitForDatabase } from '../../src/db/client.ts'
import { createTestDatabase } from '../helpers/database.ts'

const run = promisify(execFile)
const skip = await run('openssl', ['version']).then(
  () => false as const,
  () => 'OPENSSL IS NOT INSTALLED: the encrypted way to the database is NOT TESTED here',
)

const NAMES = 'subjectAltName=DNS:localhost'

/** A certificate for `localhost` and the authority that signed it, created for the test. */
async function makeCertificates(t: Test) {
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
async function startTlsServer(
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

t.test('the connection to the database is encrypted and authenticated', { skip }, async (t) => {
  const { authority, ...certificate } = await makeCertificates(t)
  const { socketDir, sql } = await createTestDatabase(t, { migrated: false })
  const [row] = await sql<{ name: string }[]>`select current_database() as name`
  const server = await startTlsServer(t, { socketDir, ...certificate })
  const open = async (t: Pick<Test, 'teardown'>, host: string, sslmode: string, caCertFile?: string) => {
    const notices: string[] = []
    const database = await openDatabase({
      url: `postgres://maeum@${host}:${server.port}/${row?.name ?? ''}?sslmode=${sslmode}`,
      dataDir: '.data',
      poolMax: 1,
      caCertFile: caCertFile ?? null,
      onNotice: (text) => notices.push(text),
    })
    t.teardown(() => database.close())
    return { database, notices }
  }
  const refusal = async (...args: Parameters<typeof open>): Promise<string> => {
    const { database } = await open(...args)
    return waitForDatabase(database, { deadlineMs: 60_000 }).then(
      () => 'accepted',
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
  }

  t.test('refuses a certificate of an unknown authority, and names the setting', async (t) => {
    for (const mode of ['require', 'verify-ca', 'verify-full']) {
      const line = await refusal(t, 'localhost', mode)
      t.match(line, /^postgres at localhost:\d+\/\w+, TLS verified: its certificate is not trusted \(\w+\)/)
      t.match(line, /; set DATABASE_CA_CERT to the file of its certificate authority, .+$/)
      t.notMatch(line, /\n/)
    }
    t.equal(server.served(), 0, 'before it has heard who asks for what')
  })

  t.test('refuses a certificate for another name', async (t) => {
    const line = await refusal(t, '127.0.0.1', 'verify-full', authority)
    t.match(
      line,
      /its certificate is for another name \(ERR_TLS_CERT_ALTNAME_INVALID\); put a name that the certificate has into/,
    )
    t.equal(server.served(), 0)
  })

  t.test('accepts it with the configured authority', async (t) => {
    const { database, notices } = await open(t, 'localhost', 'verify-full', authority)
    t.same(await database.sql`select 42 as answer`, [{ answer: 42 }])
    t.match(database.description, /, TLS verified$/)
    t.same(notices, [])
    t.equal(server.served(), 1)
  })

  t.test('accepts any certificate with sslmode=no-verify, and logs it', async (t) => {
    const { database, notices } = await open(t, '127.0.0.1', 'no-verify')
    t.same(await database.sql`select 42 as answer`, [{ answer: 42 }])
    t.match(database.description, /, TLS unverified$/)
    t.match(notices, [/certificate .* not verified/])
  })

  t.test('sends no plaintext to a server that requires TLS', async (t) => {
    const before = server.served()
    const { database } = await open(t, 'localhost', 'disable')
    await t.rejects(database.sql`select 1`, { code: 'ECONNRESET' })
    t.equal(server.served(), before)
  })
})
