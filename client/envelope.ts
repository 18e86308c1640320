import { MaeumError } from './error.ts'

/** The server's envelope before its fields are believed. */
type Envelope = {
  readonly success?: unknown
  readonly data?: unknown
  readonly error?: {
    readonly code?: unknown
    readonly message?: unknown
    readonly requestId?: string
    readonly details?: unknown
  }
}

/**
 * What is inside the server's envelope. Everything else, such as the page of a proxy, a firewall or a captive portal, is
 * a `BAD_ANSWER` whatever its status: it says nothing about the login or the session.
 */
export async function dataOf<Data>(answer: Response): Promise<Data> {
  const { success, data, error } = await envelopeOf(answer)
  if (answer.ok && success === true) return data as Data // by the schema of its route
  const { code, message, requestId, details } = error ?? {}
  const isOurs = success === false && typeof code === 'string'
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
  throw new MaeumError(
    isOurs ? code : 'BAD_ANSWER',
    isOurs && typeof message === 'string' ? message : `an answer ${answer.status}`,
    {
      status: answer.status,
      details,
      ...(requestId === undefined ? {} : { requestId }),
      ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {}),
    },
  )
}

/** The code of a refusal by the server itself; undefined for every other answer. The answer can still be read. */
export async function refusalOf(answer: Response): Promise<string | undefined> {
  const error: unknown = await dataOf(answer.clone()).catch((reason: unknown) => reason)
  return error instanceof MaeumError && error.code !== 'BAD_ANSWER' ? error.code : undefined
}

async function envelopeOf(answer: Response): Promise<Envelope> {
  try {
    return Object(await answer.json()) as Envelope // every field is looked at before it is believed
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error // the body did not arrive
    const about = { status: answer.status, cause: error }
    throw new MaeumError('BAD_ANSWER', `no JSON in an answer ${answer.status}`, about)
  }
}
