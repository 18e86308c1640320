import { eventually } from '../../helpers/eventually.ts'
import type { Instance } from '../../helpers/fleet.ts'
import { type Person, patiently, signUp } from '../../helpers/person.ts'
import { type Stage, socketOf, streamTo } from './stage.ts'

const PERSONAL = ['/api/auth/me', '/api/user/export', '/api/user/preferences', '/api/user/consent']

/** Until a token opens nothing on either instance. */
const isRefused = ({ a, b }: Stage, token: string) =>
  eventually(
    () =>
      Promise.all([a, b].map(async (one) => (await patiently(one, 'GET', '/api/auth/me', { token })).status)),
    (seen) => seen.every((status) => status === 401),
  )

/** Accounts, devices and consent. */
export function accountScenarios(stage: Stage) {
  const { a, b, fleet, postgres, person, scenario } = stage

  void scenario('a rotation of tokens that was lost is no theft', async (t, until) => {
    const owner = await person()
    const client = streamTo(t, await owner.start(a), a)
    await client.receives(1)
    await until('detached')
    t.equal((await owner.refresh(b)).status, 200)
    for (const instance of [a, b]) await owner.get(instance, '/api/auth/me')
    await until('recovered')
    for (const instance of [a, b]) await owner.get(instance, '/api/auth/me')
    t.match(await owner.refresh(a), { status: 200 })
    t.match(await owner.refresh(b), { status: 200 })
    await client.receives(2)
    t.equal(client.sockets.length, 1)
  })

  void scenario('the older tokens of a rotation that was lost', async (t, until) => {
    const owner = await person()
    const { refreshToken } = owner
    await until('detached')
    t.equal((await owner.refresh(b)).status, 200)
    await until('recovered')
    // As a device that never received the newer ones.
    const again = await patiently(a, 'POST', '/api/auth/refresh', { body: { refreshToken } })
    t.equal(again.status, 200)
  })

  void scenario('a logout that was lost can be repeated', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const body = { refreshToken: owner.refreshToken }
    await until('detached')
    t.equal((await patiently(a, 'POST', '/api/auth/logout', { body })).status, 200)
    await until('recovered')
    t.equal((await patiently(b, 'POST', '/api/auth/logout', { body })).status, 200)
    t.equal((await patiently(a, 'POST', '/api/auth/refresh', { body })).status, 401)
    await isRefused(stage, owner.accessToken)
    const status = () => postgres.sql`select status from sessions where id = ${session.id}`
    await eventually(status, ([row]) => row?.['status'] === 'ended')
  })

  void scenario('a login that was lost opens nothing', async (t, until) => {
    const owner = await person()
    const other = await person()
    await until('detached')
    t.equal((await owner.logIn(a)).status, 200)
    for (const instance of [a, b]) await owner.get(instance, '/api/auth/me')
    await until('recovered')
    await isRefused(stage, owner.accessToken)
    t.equal((await owner.refresh(b)).status, 401)
    t.equal((await owner.logIn(b)).status, 200)
    for (const instance of [a, b]) {
      await owner.get(instance, '/api/auth/me')
      await other.get(instance, '/api/auth/me')
    }
  })

  void scenario('a changed password that was lost', async (t, until) => {
    const owner = await person()
    const { email, password } = owner
    await until('detached')
    const change = { currentPassword: password, newPassword: 'four large boats' }
    t.equal((await owner.ask(a, 'POST', '/api/user/password', change)).status, 200)
    await until('recovered')
    const logIn = (word: string) =>
      patiently(b, 'POST', '/api/auth/login', { body: { email, password: word } })
    t.equal((await logIn(change.newPassword)).status, 401)
    t.equal((await logIn(password)).status, 200)
  })

  void scenario('an account that vanished does not open the one with its id', async (t, until) => {
    await until('detached')
    const vanished = await signUp(a)
    await vanished.consent(a)
    const tokens = { access: vanished.accessToken, refresh: vanished.refreshToken }
    for (const instance of [a, b]) await vanished.get(instance, '/api/auth/me')

    await until('recovered')
    const heirs: Person[] = []
    for (const instance of [b, a]) heirs.push(await signUp(instance))
    t.comment(`vanished: ${vanished.id}, signed up since: ${heirs.map(({ id }) => id).join(', ')}`)
    const seen: string[] = []
    for (const instance of [a, b, a, b]) {
      for (const path of PERSONAL) {
        const { status, data } = await patiently(instance, 'GET', path, { token: tokens.access })
        if (heirs.some(({ email }) => JSON.stringify(data).includes(email))) seen.push(path)
        if (status >= 500) seen.push(`${path}: ${status}`)
      }
      const preferences = { mine: 'left behind' }
      await patiently(instance, 'PUT', '/api/user/preferences', {
        token: tokens.access,
        body: { preferences },
      })
    }
    t.same(seen, [], 'nothing of another person is shown')
    for (const heir of heirs)
      t.notMatch(await heir.get(a, '/api/user/preferences'), { mine: 'left behind' }, 'or changed')
    await isRefused(stage, tokens.access)
    const body = { refreshToken: tokens.refresh }
    t.equal((await patiently(a, 'POST', '/api/auth/refresh', { body })).status, 401)
    for (const heir of heirs) {
      await heir.consent(b)
      const client = streamTo(t, await heir.start(b), a)
      await client.receives(1)
    }
    t.equal((await signUpAgain(vanished, a)).status, 201, 'they can sign up again')
  })

  void scenario('an erasure that was lost can be repeated', async (t, until) => {
    const owner = await person()
    const { email, password } = owner
    await until('detached')
    t.equal((await owner.ask(a, 'DELETE', '/api/user', { password })).status, 200)
    await until('recovered')
    const logIn = () => patiently(b, 'POST', '/api/auth/login', { body: { email, password } })
    const token = String((await logIn()).data['accessToken'])
    t.equal((await patiently(b, 'DELETE', '/api/user', { token, body: { password } })).status, 200)
    t.equal((await logIn()).status, 401)
    await isRefused(stage, token)
  })

  void scenario('a consent that was lost is asked for again', async (t, until) => {
    const owner = await signUp(a)
    const session = await owner.start(a)
    await until('detached')
    await owner.consent(a)
    const client = streamTo(t, session, a)
    await client.receives(1)
    await until('recovered')
    t.match(await owner.get(a, '/api/user/consent'), { consents: [] })
    const isAsked = () =>
      client.sockets.some(({ messages }) =>
        messages
          .slice(-40)
          .some(({ data }) => (data as { code?: string } | undefined)?.code === 'CONSENT_REQUIRED'),
      )
    await eventually(isAsked, Boolean)
    const before = client.windows().length
    await owner.consent(b)
    await eventually(
      () => client.windows().length,
      (now) => now > before,
    )
  })

  void scenario('a consent whose withdrawal was lost can be taken back again', async (t, until) => {
    const owner = await person()
    const session = await owner.start(a)
    const client = streamTo(t, session, a)
    await client.receives(1)
    const withdraw = (instance: Instance) => owner.ask(instance, 'DELETE', '/api/user/consent')
    await until('detached')
    t.equal((await withdraw(a)).status, 200)
    await eventually(() => client.sockets[0]?.closed, Boolean)
    await until('recovered')
    t.equal((await withdraw(b)).status, 200)
    const watcher = await socketOf(t, b, 'session', session)
    t.match(await watcher.closed, { code: 1008, reason: 'SESSION_ENDED' })
    const before = (await fleet.rows([session])).length
    client.leave()
    // Another person's windows show that this one's would be there by now.
    const other = await person()
    await streamTo(t, await other.start(a), a).receives(2)
    t.equal((await fleet.rows([session])).length, before, 'their face is not read')
  })
}

const signUpAgain = ({ username, email, password }: Person, instance: Instance) =>
  patiently(instance, 'POST', '/api/auth/signup', { body: { username, email, password } })
