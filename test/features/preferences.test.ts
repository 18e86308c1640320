import type { LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { DEFAULT_PREFERENCES } from '../../src/domain/preferences.ts'
import { bearer, createAccount, startTestApp } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'

const data = (answer: LightMyRequestResponse) => answer.json<{ data: Record<string, unknown> }>().data
const error = (answer: LightMyRequestResponse) =>
  answer.json<{ error: { code: string; message: string; details?: unknown } }>().error

const url = '/api/user/preferences'

t.test('preferences', async (t) => {
  const server = await startTestApp(t)
  const { app } = server
  const account = await createAccount(server)
  const get = (token?: string) => app.inject({ url, headers: token === undefined ? {} : bearer(token) })
  const put = (payload: unknown, token = account.accessToken, more: Record<string, string> = {}) =>
    app.inject({
      method: 'PUT',
      url,
      headers: { ...bearer(token), 'content-type': 'application/json', ...more },
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    })

  t.test('without a token, and with a new account, the defaults are returned', async (t) => {
    const anonymous = await get()
    t.equal(anonymous.statusCode, 200)
    t.same(data(anonymous), DEFAULT_PREFERENCES)
    t.same(data(await get(account.accessToken)), DEFAULT_PREFERENCES)
  })

  t.test('an invalid token is refused', async (t) => {
    for (const token of ['null', 'undefined', 'x.y.z']) t.equal(error(await get(token)).code, 'INVALID_TOKEN')
    const empty = await app.inject({ url, headers: { authorization: '' } })
    t.equal(empty.statusCode, 401)
    const anonymous = await app.inject({ method: 'PUT', url, payload: { preferences: {} } })
    t.equal(error(anonymous).code, 'UNAUTHORIZED')
  })

  t.test('new values are merged, unknown keys are kept, and no other user sees them', async (t) => {
    const own = await createAccount(server)
    const first = await put({ preferences: { fontScale: 'lg', theme: { dark: true } } }, own.accessToken)
    t.equal(first.statusCode, 200)
    t.same(data(first), { ...DEFAULT_PREFERENCES, fontScale: 'lg', theme: { dark: true } })
    await put({ preferences: { language: 'en', theme: { dark: false } }, other: 'ignored' }, own.accessToken)
    const now = { ...DEFAULT_PREFERENCES, fontScale: 'lg', language: 'en', theme: { dark: false } }
    t.same(data(await get(own.accessToken)), now)
    t.same(data(await get()), DEFAULT_PREFERENCES)
    t.same(data(await put({ preferences: {} }, own.accessToken)), now, 'nothing changes nothing')

    const keys = Array.from({ length: 8 }, (_, i) => `key${i}`)
    await Promise.all(keys.map((key) => put({ preferences: { [key]: key } }, own.accessToken)))
    const all = data(await get(own.accessToken))
    for (const key of keys) t.equal(all[key], key, 'tabs that write at once all have their way')
  })

  t.test('a known key with a wrong value is refused by name, in the language of the caller', async (t) => {
    const wrong: [field: string, value: unknown][] = [
      ['fontScale', 'huge'],
      ['fontScale', null],
      ['layoutDensity', 3],
      ['language', 'fr'],
      ['notificationsOptIn', 'yes'],
      ['timezone', 'Mars/Olympus'],
      ['timezone', ''],
    ]
    for (const [field, value] of wrong) {
      const answer = await put({ preferences: { [field]: value } })
      t.equal(answer.statusCode, 400, `${field}: ${String(value)}`)
      t.match(error(answer).details, [{ field: `preferences.${field}` }])
    }
    const english = await put({ preferences: { fontScale: 1 } }, account.accessToken, {
      'accept-language': 'en',
    })
    t.match(error(english).message, /^Field "preferences\.fontScale" .+\.$/)
    for (const body of [{}, { preferences: null }, { preferences: [] }, { preferences: 'x' }, [], 'null'])
      t.equal((await put(body)).statusCode, 400, JSON.stringify(body))
    t.same(data(await get(account.accessToken)), DEFAULT_PREFERENCES, 'nothing was stored')
  })

  t.test('a full copy sets neither a consent nor a time zone', async (t) => {
    const own = await createAccount(server)
    const set = async (preferences: object) => data(await put({ preferences }, own.accessToken))
    t.match(await set({ timezone: 'Europe/Berlin' }), { timezone: 'Europe/Berlin', timezoneSource: 'person' })
    const copy = data(await get(own.accessToken))
    await set({ timezone: 'America/New_York' })
    const sent = await set({ ...copy, fontScale: 'xl', carryBaseline: true })
    t.match(sent, { fontScale: 'xl', timezone: 'America/New_York' })
    t.notOk('carryBaseline' in sent)
    t.notOk('carryBaseline' in data(await get(own.accessToken)))
    await server.database.sql`
      update user_preferences set preferences = preferences || '{"carryBaseline":true}' where user_id = ${own.id}`
    t.notOk('carryBaseline' in data(await get(own.accessToken)), 'also where it was stored once')
    t.match(await set({ timezone: 'Asia/Tokyo', timezoneSource: 'browser' }), {
      timezone: 'Asia/Tokyo',
      timezoneSource: 'browser',
    })
  })

  t.test('at most 16 KiB in all, with limited depth', async (t) => {
    const own = await createAccount(server)
    const filled = (bytes: number) => ({ preferences: { blob: 'x'.repeat(bytes - '{"blob":""}'.length) } })
    t.equal((await put(filled(16 * 1024), own.accessToken)).statusCode, 200)
    t.equal(error(await put(filled(16 * 1024 + 1), own.accessToken)).code, 'OBJECT_TOO_LARGE')
    const more = await put({ preferences: { one: 'more' } }, own.accessToken)
    t.equal(more.statusCode, 413)
    t.match(error(more).details, { field: 'preferences', bytes: 16_384 })
    t.notOk('one' in data(await get(own.accessToken)), 'what would be too much changes nothing')

    for (const levels of [40, 5000, 400_000]) {
      const deep = `{"preferences":{"deep":${'['.repeat(levels)}${']'.repeat(levels)}}}`
      t.equal((await put(deep)).statusCode, 413, `${levels} levels`)
    }
  })

  t.test('special keys such as __proto__ change only themselves', async (t) => {
    for (const key of ['__proto__', 'constructor'])
      t.equal((await put(`{"preferences":{"${key}":{"prototype":{"polluted":1}}}}`)).statusCode, 400)
    t.equal((await put('{"preferences":{"toString":"mine","hasOwnProperty":1}}')).statusCode, 200)
    t.equal(
      Object.entries(data(await get(account.accessToken))).find(([key]) => key === 'toString')?.[1],
      'mine',
    )
    t.notOk('polluted' in {})
  })

  t.test('a token of a deleted account is refused', async (t) => {
    const gone = await createAccount(server)
    await server.database.sql`delete from users where id = ${gone.id}`
    t.equal(error(await put({ preferences: { fontScale: 'sm' } }, gone.accessToken)).code, 'UNAUTHORIZED')
    await eventually(
      () => get(gone.accessToken),
      ({ statusCode }) => statusCode === 401,
    )
  })
})
