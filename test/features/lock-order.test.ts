import t from 'tap'
import { retentionRepository } from '../../src/features/privacy/retention/repository.ts'
import { sessionsRepository } from '../../src/features/sessions/repository.ts'
import { bearer, createAccount, startTestApp } from '../helpers/app.ts'
import { blockedQuery } from '../helpers/blocked-query.ts'

// Several sessions are always locked in the order of their ids, as by the renewal of leases, to prevent deadlocks.
const server = await startTestApp(t)
const { database, app } = server
const { sql, orm } = database

let accounts = 0

/** An account with two sessions of its device; the later id comes first in the table, or last. */
async function twoSessions(isLaterFirst = true) {
  const account = await createAccount(server)
  const [device] = await sql`select id from refresh_families where user_id = ${account.id}`
  const ids = [1, 2].map((n) => `sess_${String(++accounts).padStart(30, '0')}_${n}`)
  for (const [age, id] of (isLaterFirst ? [...ids].reverse() : ids).entries())
    await sql`
      insert into sessions (id, user_id, family_id, interval_ms, status, started_at, ended_at)
      values (${id}, ${account.id}, ${String(device?.['id'])}, 10000, 'ended', now() - interval '40 days',
        now() - interval '30 days' + ${age} * interval '1 second')`
  return { account, ids: ids as [string, string] }
}

/** Runs `work` while a renewal holds the first session and then locks the second. */
async function againstRenewal<T>(
  [first, second]: readonly [string, string],
  work: () => Promise<T>,
): Promise<T> {
  const { done } = await sql.begin(async (tx) => {
    const lock = (id: string) => tx`select 1 from sessions where id = ${id} for no key update`
    await lock(first)
    const working = work()
    working.catch(() => undefined) // awaited below
    await blockedQuery(database)
    await lock(second)
    return { done: { working } }
  })
  return done.working
}

t.test('a change of password, which renames the device of the sessions', async (t) => {
  const { account, ids } = await twoSessions()
  const answer = await againstRenewal(ids, () =>
    app
      .inject({
        method: 'POST',
        url: '/api/user/password',
        headers: bearer(account.accessToken),
        payload: { currentPassword: account.password, newPassword: 'another password' },
      })
      .then((response) => response),
  )
  t.equal(answer.statusCode, 200, answer.body)
})

// An index returns them in one of these orders.
for (const isLaterFirst of [true, false])
  t.test(
    `the erasure of the sessions of a person, the later ${isLaterFirst ? 'first' : 'last'}`,
    async (t) => {
      const { account, ids } = await twoSessions(isLaterFirst)
      const gone = await againstRenewal(ids, () => sessionsRepository.deleteOfUser(orm, account.id, 10))
      t.same([...gone].sort(), ids)
    },
  )

t.test('the deletion of expired data', async (t) => {
  const { ids } = await twoSessions()
  await againstRenewal(ids, () =>
    retentionRepository.deleteSessions(orm, { days: 20, limit: 10, skipped: 0 }),
  )
  t.equal((await sql`select 1 from sessions where id in ${sql(ids)}`).length, 0)
})
