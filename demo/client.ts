import { once } from 'node:events'
import { WebSocket } from 'ws'

type Json = Record<string, unknown>

/** REST like the web client: JSON, envelope, bearer token. */
export function createClient(origin: string, browserOrigin: string) {
  let token: string | undefined

  const call = async (method: string, path: string, body?: Json): Promise<Json> => {
    const response = await fetch(`${origin}${path}`, {
      method,
      headers: {
        origin: browserOrigin,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(10_000),
    })
    const answer = (await response.json()) as { success: boolean; data: Json; error?: { code: string } } // the envelope
    if (!answer.success) throw new Error(`${method} ${path}: ${response.status} ${answer.error?.code ?? ''}`)
    return answer.data
  }

  return {
    post: (path: string, body?: Json) => call('POST', path, body),
    get: (path: string) => call('GET', path),
    carry(accessToken: string) {
      token = accessToken
    },
    /** An open socket whose first message has arrived. */
    async connect(
      url: string,
      onMessage: (message: { type: string; data: Json }) => void,
    ): Promise<WebSocket> {
      const socket = new WebSocket(url, { origin: browserOrigin })
      const greeted = once(socket, 'message', { signal: AbortSignal.timeout(5000) })
      socket.on('message', (text: Buffer) =>
        onMessage(JSON.parse(text.toString()) as { type: string; data: Json }),
      )
      await greeted
      return socket
    },
  }
}
