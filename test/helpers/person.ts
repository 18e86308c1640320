import { randomBytes } from 'node:crypto'
import { eventually } from './eventually.ts'
import type { Instance, StartedSession } from './fleet.ts'

export type Answer = {
  readonly status: number
  /** The code of an error, or nothing. */
  readonly code: string
  readonly data: Readonly<Record<string, unknown>>
}

/** One request to one instance; an answer of any status is an answer. */
export async function request(
  { origin }: Pick<Instance, 'origin'>,
  method: string,
  path: string,
  { token, body }: { readonly token?: string; readonly body?: object } = {},
): Promise<Answer> {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  // Our own server's envelope, or what an export or an empty body is instead of one.
  const read = (await response.json().catch(() => ({}))) as {
    data?: Record<string, unknown>
    error?: { code?: string }
  }
  return { status: response.status, code: read.error?.code ?? '', data: read.data ?? {} }
}

/** The same, and again for as long as the answer is to come back later. */
export const patiently = (...asked: Parameters<typeof request>): Promise<Answer> =>
  eventually(
    () => request(...asked),
    ({ status }) => status !== 503,
  )

/** The data of an answer that has to be a good one. */
async function succeeded(asked: Promise<Answer>): Promise<Answer['data']> {
  const { status, code, data } = await asked
  if (status >= 300) throw new Error(`${status} ${code}`)
  return data
}

const CONSENT = { purpose: 'emotion_analysis', textVersion: '1', locale: 'en' }

/** Somebody with an account of several instances, who uses them by HTTP. */
export async function signUp(instance: Instance) {
  const name = randomBytes(6).toString('hex')
  const account = { username: `user ${name}`, email: `${name}@example.com`, password: 'three small boats' }
  const made = await succeeded(patiently(instance, 'POST', '/api/auth/signup', { body: account }))
  const { id } = made['user'] as { id: number }
  let tokens = made

  const person = {
    ...account,
    id,
    get accessToken() {
      return String(tokens['accessToken'])
    },
    get refreshToken() {
      return String(tokens['refreshToken'])
    },
    ask: (from: Instance, method: string, path: string, body?: object): Promise<Answer> =>
      patiently(from, method, path, { token: person.accessToken, ...(body === undefined ? {} : { body }) }),
    /** The same, of what has to succeed. */
    get: (from: Instance, path: string) => succeeded(person.ask(from, 'GET', path)),
    post: (from: Instance, path: string, body?: object) => succeeded(person.ask(from, 'POST', path, body)),
    refresh: async (from: Instance): Promise<Answer> => {
      const { refreshToken } = person
      const answer = await patiently(from, 'POST', '/api/auth/refresh', { body: { refreshToken } })
      if (answer.status === 200) tokens = answer.data
      return answer
    },
    logIn: async (from: Instance): Promise<Answer> => {
      const { email, password } = account
      const answer = await patiently(from, 'POST', '/api/auth/login', { body: { email, password } })
      if (answer.status === 200) tokens = answer.data
      return answer
    },
    consent: (from: Instance) => person.post(from, '/api/user/consent', CONSENT),
    start: async (from: Instance): Promise<StartedSession> => {
      const { sessionId, startedAt } = await person.post(from, '/api/session/start')
      return { id: String(sessionId), startedAt: Number(startedAt) }
    },
  }
  return person
}

export type Person = Awaited<ReturnType<typeof signUp>>
