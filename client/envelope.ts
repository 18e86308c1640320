import { MaeumError } from './error.ts'

/** The server's envelope before validation. */
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
 * Returns `data` of the server's envelope. Any other response, such as an HTML page of a proxy or a captive portal,
 * throws `BAD_ANSWER` whatever its status: it is no evidence about the login or the session.
 */
export async function readData<Data>(answer: Response): Promise<Data> {
  const { success, data, error } = await readEnvelope(answer)
  if (answer.ok && success === true) return data as Data // by the schema of its route
  const { code, message, requestId, details } = error ?? {}
  const isEnvelope = success === false && typeof code === 'string'
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
  throw new MaeumError(
    isEnvelope ? code : 'BAD_ANSWER',
    isEnvelope && typeof message === 'string' ? message : `unexpected response, status ${answer.status}`,
    {
      status: answer.status,
      details,
      ...(requestId === undefined ? {} : { requestId }),
      ...(Number.isFinite(seconds) ? { retryAfterMs: seconds * 1000 } : {}),
    },
  )
}

/** Returns the error code of the server's envelope; undefined for other responses. The body can still be read. */
export async function readErrorCode(answer: Response): Promise<string | undefined> {
  const error: unknown = await readData(answer.clone()).catch((reason: unknown) => reason)
  return error instanceof MaeumError && error.code !== 'BAD_ANSWER' ? error.code : undefined
}

async function readEnvelope(answer: Response): Promise<Envelope> {
  try {
    return Object(await answer.json()) as Envelope // every field is validated before use
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error // the body did not arrive
    const details = { status: answer.status, cause: error }
    throw new MaeumError('BAD_ANSWER', `response is not JSON, status ${answer.status}`, details)
  }
}
