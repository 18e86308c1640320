import t from 'tap'
import { bearer, createAccount, startSession, startTestApp } from '../helpers/app.ts'

// A migration changes columns beside a running server, whose connections hold plans of them: each person who reads gets
// what is theirs, or is to come back later.

const PEOPLE = 8
const SESSIONS_EACH = 3
const CHANGES = 12

const server = await startTestApp(t, { model: null })
const { app, database } = server

type Listed = { readonly sessions: readonly { readonly id: string }[] }

t.test('while the types of columns change every answer is the one of its asker', async (t) => {
  const people = await Promise.all(
    Array.from({ length: PEOPLE }, async () => {
      const account = await createAccount(server)
      const own: string[] = []
      for (let i = 0; i < SESSIONS_EACH; i++) own.push((await startSession(server, account)).sessionId)
      return { ...account, own: own.sort() }
    }),
  )
  let isOver = false
  const wrong: unknown[] = []
  const counts = { own: 0, later: 0 }

  const read = async ({ accessToken, id, own }: (typeof people)[number], turn: number) => {
    const headers = bearer(accessToken)
    if (turn % 3 === 0) {
      const answer = await app.inject({ url: '/api/auth/me', headers })
      if (answer.statusCode === 503) return 'later'
      const found = answer.json<{ data?: { user: { id: number } } }>().data?.user.id
      return found === id ? 'own' : { status: answer.statusCode, found, id }
    }
    if (turn % 3 === 1) {
      const answer = await app.inject({ url: `/api/session/${own[turn % own.length] ?? ''}`, headers })
      if (answer.statusCode === 503) return 'later'
      const found = answer.json<{ data?: { sessionId: string } }>().data?.sessionId
      return found === own[turn % own.length] ? 'own' : { status: answer.statusCode, found }
    }
    const answer = await app.inject({ url: '/api/session', headers })
    if (answer.statusCode === 503) return 'later'
    const found = answer.json<{ data?: Listed }>().data?.sessions.map(({ id: listed }) => listed) ?? []
    return found.sort().join() === own.join() ? 'own' : { status: answer.statusCode, found, own }
  }

  const readers = people.flatMap((person) =>
    [0, 1, 2].map(async (first) => {
      for (let turn = first; !isOver; turn++) {
        const outcome = await read(person, turn)
        if (outcome === 'own') counts.own++
        else if (outcome === 'later') counts.later++
        else wrong.push(outcome)
      }
    }),
  )
  for (let i = 0; i < CHANGES; i++) {
    const type = i % 2 === 0 ? 'varchar(200)' : 'text'
    const before = counts.own
    await database.sql.unsafe(`alter table sessions alter column lease_owner type ${type}`)
    await database.sql.unsafe(`alter table users alter column profile_image type ${type}`)
    // Until plans of the new shape have been made and used.
    while (counts.own < before + PEOPLE * 3 && wrong.length === 0) await new Promise(setImmediate)
  }
  isOver = true
  await Promise.all(readers)
  t.same(wrong, [])
  t.ok(counts.own >= CHANGES * PEOPLE * 3, JSON.stringify(counts))
})
