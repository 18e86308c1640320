import { setTimeout as sleep } from 'node:timers/promises'
import { newAccount } from './sessions.ts'

/** A finished request; status 0 without a response. */
export type Call = {
  readonly route: string
  readonly origin: string
  readonly endedAt: number
  readonly ms: number
  readonly status: number
  readonly code: string
  readonly hasRetryAfter: boolean
}

type Request = {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
  readonly token?: string
}

const PAUSE_MS = 200
const DEADLINE_MS = 30_000

/** Four users per instance, each of whom repeats one request. */
export class RestLoad {
  readonly calls: Call[] = []
  readonly #loops: Promise<void>[] = []
  #isOver = false

  constructor(origins: readonly string[]) {
    for (const origin of origins) {
      this.#repeat(() => this.#signUp(origin))
      void this.#startUser(origin)
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#loops)
  }

  async #startUser(origin: string): Promise<void> {
    const { account, token } = await this.#signUp(origin)
    this.#repeat(() => this.#send(origin, { method: 'POST', path: '/api/auth/login', body: account }))
    this.#repeat(() => this.#send(origin, { method: 'GET', path: '/api/session', token }))
    this.#repeat(async () => {
      const { data } = await this.#send(origin, {
        method: 'POST',
        path: '/api/session/start',
        body: {},
        token,
      })
      const id = data?.['sessionId']
      if (typeof id === 'string')
        await this.#send(origin, { method: 'POST', path: `/api/session/${id}/end`, body: {}, token })
    })
  }

  async #signUp(origin: string) {
    const account = newAccount()
    const { data } = await this.#send(origin, { method: 'POST', path: '/api/auth/signup', body: account })
    return { account, token: String(data?.['accessToken']) }
  }

  #repeat(request: () => Promise<unknown>): void {
    const loop = async () => {
      while (!this.#isOver) {
        await request()
        await sleep(PAUSE_MS)
      }
    }
    this.#loops.push(loop())
  }

  /** Never rejects. */
  async #send(
    origin: string,
    { method, path, body, token }: Request,
  ): Promise<{ data?: Record<string, unknown> }> {
    const begun = Date.now()
    const route = `${method} ${path.replace(/sess_[^/]+/, ':id')}`
    const add = (status: number, code: string, hasRetryAfter = false) => {
      const endedAt = Date.now()
      this.calls.push({ route, origin, endedAt, ms: endedAt - begun, status, code, hasRetryAfter })
    }
    try {
      const answer = await fetch(`${origin}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(DEADLINE_MS),
      })
      const json = (await answer.json()) as { data?: Record<string, unknown>; error?: { code?: string } } // our server's
      add(answer.status, json.error?.code ?? '', answer.headers.has('retry-after'))
      return answer.ok && json.data !== undefined ? { data: json.data } : {}
    } catch (error) {
      add(0, String(error))
      return {}
    }
  }
}
