import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { type Account, bearer, createAccount, startTestApp } from '../helpers/app.ts'
import { cli, cliJson } from '../helpers/cli.ts'
import { createTestDatabase, type TestDatabase } from '../helpers/database.ts'

type Status = {
  readonly encryption: boolean
  readonly keys: readonly { id: string | null; users: number; configured: boolean; current: boolean }[]
  readonly missing: readonly string[]
  readonly unencrypted: readonly { table: string; column: string; values: number }[]
}

const newKey = () => randomBytes(32).toString('base64')
const [FIRST, SECOND] = [newKey(), newKey()]
const OLD = { DATA_KEYS: `old:${FIRST}` }
const BOTH = { DATA_KEYS: `new:${SECOND},old:${FIRST}` }
const NEW = { DATA_KEYS: `new:${SECOND}` }

const status = (t: Test, database: TestDatabase, env: Record<string, string>) =>
  cliJson<Status>(t, database, ['keys', 'status'], { env })

/** An account with a note, from a server with these settings. */
async function createNote(t: Test, database: TestDatabase, env: Record<string, string>): Promise<Account> {
  const server = await startTestApp(t, { database, env })
  const account = await createAccount(server)
  const { statusCode } = await server.app.inject({
    method: 'POST',
    url: '/api/counselings',
    headers: bearer(account.accessToken),
    payload: { type: 'talk', notes: 'a note' },
  })
  t.equal(statusCode, 201)
  await server.app.close()
  return account
}

t.test('the data keys are rotated, then the fields are encrypted', async (t) => {
  const database = await createTestDatabase(t)
  await createNote(t, database, {})
  const plain = { table: 'counselings', column: 'notes', values: 1 }
  t.match(await status(t, database, {}), {
    exit: 0,
    encryption: false,
    keys: [{ id: null, users: 1, configured: true, current: true }],
    unencrypted: [plain],
  })
  await createNote(t, database, OLD)
  t.match(await status(t, database, OLD), {
    exit: 1,
    encryption: true,
    keys: [
      { id: null, users: 1, current: false },
      { id: 'old', users: 1, configured: true, current: true },
    ],
    missing: [],
    unencrypted: [plain],
  })

  const rotate = ['keys', 'rotate']
  t.match(await cliJson(t, database, rotate, { env: BOTH }), { exit: 0, users: 2, rewrapped: 2, failed: [] })
  t.match(await cliJson(t, database, rotate, { env: BOTH }), { exit: 0, rewrapped: 0 }, 'once is enough')
  t.match(await status(t, database, BOTH), {
    exit: 1,
    keys: [
      { id: 'new', users: 2, current: true },
      { id: 'old', users: 0, configured: true, current: false },
    ],
    unencrypted: [plain],
  })
  const rotated = await cli(database, ['keys', 'status'], { env: BOTH })
  t.match(rotated.out, [/^encryption/, /^KEY/, /^new +2 +current$/, /^old +0 +not in use$/])

  const reencrypt = ['keys', 'reencrypt']
  t.match(await cliJson(t, database, reencrypt, { env: NEW }), { exit: 0, rewrapped: 0, encrypted: 1 })
  t.match(await status(t, database, NEW), { exit: 0, missing: [], unencrypted: [] })
  const text = await cli(database, ['keys', 'status'], { env: NEW })
  t.match(text, { code: 0, out: ['encryption: on', /^KEY +USERS +STATE$/, /^new +2 +current$/], err: [] })
})

t.test('a key that DATA_KEYS lacks is found, and no key is printed', async (t) => {
  const database = await createTestDatabase(t)
  const { id } = await createNote(t, database, OLD)
  t.match(await status(t, database, NEW), {
    exit: 1,
    keys: [
      { id: 'old', users: 1, configured: false },
      { id: 'new', users: 0, configured: true, current: true },
    ],
    missing: ['old'],
  })
  const rotated = await cliJson(t, database, ['keys', 'rotate'], { env: NEW })
  t.match(rotated, {
    exit: 1,
    rewrapped: 0,
    failed: [{ user: id, reason: /DATA_KEYS does not hold the key/ }],
  })
  t.match(await cli(database, ['keys', 'rotate']), { code: 2, err: [/^DATA_KEYS: is not set/] })
  for (const command of ['status', 'rotate', 'reencrypt']) {
    const { out, err } = await cli(database, ['keys', command], { env: BOTH })
    for (const key of [FIRST, SECOND]) t.notOk([...out, ...err].join('\n').includes(key))
  }
})
