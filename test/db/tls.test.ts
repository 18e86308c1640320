import t, { type Test } from 'tap'
import { openDatabase, waitForDatabase } from '../../src/db/client.ts'
import { createTestDatabase } from '../helpers/database.ts'
import { makeCertificates, skipTls as skip, startTlsServer } from '../helpers/tls-postgres.ts'

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
