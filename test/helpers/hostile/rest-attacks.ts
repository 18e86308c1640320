import { type Agent, request as httpRequest } from 'node:http'
import fc from 'fast-check'
import Schema from 'typebox/schema'
import { type Malformed, malformedRequests, type OpenApi, type Route, routesOf } from '../malformed.ts'

/** What became of one malformed request, as far as the published document can tell. */
export type RestVerdict = 'refused' | 'accepted' | 'accepted wrongly' | 'misdescribed' | 'fault'

type Answer = { readonly status: number; readonly type: string; readonly body: string }

const DEADLINE_MS = 30_000
/** What an honest server may say without a model, or while it has too much to do. */
const HONEST_REFUSALS = ['STT_UNAVAILABLE', 'AI_UNAVAILABLE', 'SERVER_BUSY']

/** Headers too large: refused before there is a route whose answers could be described. */
const BEFORE_ANY_ROUTE = 431

/** They end their caller's login, and with it the attack. */
const ENDS_THE_CALLER = ['POST /api/auth/logout', 'DELETE /api/user']

/** Requests made of the document alone, the same ones for the same seed. */
export function attacksOf(
  document: OpenApi,
  ids: readonly string[],
  { seed, perRoute }: { seed: number; perRoute: number },
): readonly { readonly route: Route; readonly request: Malformed }[] {
  const routes = routesOf(document).filter(
    ({ method, path }) => !ENDS_THE_CALLER.includes(`${method} ${path}`),
  )
  return routes.flatMap((route) =>
    fc
      .sample(malformedRequests(route, ids), { seed, numRuns: perRoute })
      .map((request) => ({ route, request })),
  )
}

/** Sends it over the wire as it is: no part of the address is put in order first. */
export const sendRaw = (
  origin: string,
  { method, url, headers, payload }: Malformed,
  token: string,
  agent: Agent,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(origin)
    const length = payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) }
    const sent = httpRequest(
      {
        ...{ hostname, port, method, path: url, agent, timeout: DEADLINE_MS },
        headers: { ...headers, ...length, authorization: `Bearer ${token}` },
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.once('error', reject)
        answer.once('end', () =>
          resolve({
            status: answer.statusCode ?? 0,
            type: answer.headers['content-type'] ?? '',
            body: Buffer.concat(chunks).toString(),
          }),
        )
      },
    )
    sent.once('timeout', () => sent.destroy(new Error(`${method} ${url.slice(0, 200)} was not answered`)))
    sent.once('error', reject)
    sent.end(payload)
  })

/** Whether the body is one that the document allows; undefined where it cannot be told from here. */
function fits({ body }: Route, { headers, payload }: Malformed): boolean | undefined {
  if (body === undefined || payload === undefined) return undefined
  if (!(headers['content-type'] ?? '').startsWith('application/json')) return payload.trim() === ''
  try {
    const text = payload.replace(/^\uFEFF/, '') // a mark of its encoding is no part of it
    const value: unknown = text.trim() === '' ? {} : JSON.parse(text)
    return Schema.Check(body as Schema.XSchema, value ?? {})
  } catch {
    return false // no JSON
  }
}

type Described = {
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema?: Schema.XSchema }>> }>
  >
}

/** Whether the answer is one of those that the document describes for this route. */
function isDescribed(document: OpenApi, { method, path }: Route, { status, type, body }: Answer): boolean {
  const operation = document.paths?.[path]?.[method.toLowerCase()] as Described | undefined // under a method's name
  const response =
    operation?.responses?.[String(status)] ?? operation?.responses?.[`${Math.floor(status / 100)}XX`]
  if (response === undefined) return false
  const media = type.split(';')[0]?.trim() ?? ''
  const described = response.content?.[media]
  if (described === undefined) return false
  return media !== 'application/json' || Schema.Check(described.schema ?? true, JSON.parse(body))
}

/** Judges an answer by the published document: a validator of its own, and none of the server's code. */
export function judge(document: OpenApi, route: Route, request: Malformed, answer: Answer): RestVerdict {
  const { status, body } = answer
  if (status >= 500 && !HONEST_REFUSALS.some((code) => body.includes(`"code":"${code}"`))) return 'fault'
  if (status === BEFORE_ANY_ROUTE) return 'refused'
  if (!isDescribed(document, route, answer)) return 'misdescribed'
  if (status >= 400) return 'refused'
  return fits(route, request) === false ? 'accepted wrongly' : 'accepted'
}
