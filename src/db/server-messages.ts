/** The transaction status after the last answer: idle, in a transaction, or in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E'

/** An error of the server, with the driver's names for its fields. */
export type ServerError = Error & {
  readonly severity: string
  readonly code: string
  readonly routine?: string
}

type Listener = {
  /** The server is ready for the next statement. */
  readonly onReady: (status: TransactionStatus) => void
  readonly onError: (error: ServerError) => void
  /** The key for a cancel request. */
  readonly onCancelKey: (key: Buffer) => void
}

/** Type and length; the length counts itself (PostgreSQL manual, "Message Formats"). */
const HEADER_BYTES = 5
const LENGTH_BYTES = 4
const CANCEL_KEY = 'K'.charCodeAt(0)
const ERROR = 'E'.charCodeAt(0)
const READY = 'Z'.charCodeAt(0)
const FIELDS: Readonly<Record<string, string>> = {
  S: 'severity_local',
  V: 'severity',
  C: 'code',
  M: 'message',
  D: 'detail',
  H: 'hint',
  P: 'position',
  p: 'internal_position',
  q: 'internal_query',
  W: 'where',
  s: 'schema_name',
  t: 'table_name',
  c: 'column_name',
  d: 'type_name',
  n: 'constraint_name',
  F: 'file',
  L: 'line',
  R: 'routine',
}

/** Parses the server's stream of one connection, in any chunks, for the few messages that concern the connection. */
export class ServerMessages {
  readonly #listener: Listener
  /** Remaining bytes of a message that is skipped. */
  #skip = 0
  /** The start of an incomplete message. */
  #begun: Buffer | undefined

  constructor(listener: Listener) {
    this.#listener = listener
  }

  read(chunk: Buffer): void {
    const bytes = this.#begun === undefined ? chunk : Buffer.concat([this.#begun, chunk])
    this.#begun = undefined
    let at = this.#skip
    while (at + HEADER_BYTES <= bytes.length) {
      const type = bytes[at]
      const end = at + HEADER_BYTES - LENGTH_BYTES + bytes.readUInt32BE(at + 1)
      if (type === ERROR || type === READY || type === CANCEL_KEY) {
        if (end > bytes.length) break
        this.#report(type, bytes.subarray(at + HEADER_BYTES, end))
      }
      at = end
    }
    this.#skip = Math.max(0, at - bytes.length)
    if (at < bytes.length) this.#begun = bytes.subarray(at)
  }

  #report(type: number, body: Buffer): void {
    if (type === ERROR) this.#listener.onError(readError(body))
    else if (type === READY)
      this.#listener.onReady(body.toString('latin1') as TransactionStatus) // according to the protocol
    else this.#listener.onCancelKey(Buffer.from(body))
  }
}

function readError(body: Buffer): ServerError {
  const fields = body
    .toString('utf8')
    .split('\0')
    .flatMap((text) => {
      const name = FIELDS[text.charAt(0)]
      return name === undefined ? [] : [[name, text.slice(1)] as const]
    })
  const { message = '', ...rest } = Object.fromEntries(fields)
  const { severity_local: severity = 'ERROR', code = 'XX000' } = rest // servers before 9.6 and some poolers send no V
  return Object.assign(new Error(message), { name: 'PostgresError', severity, code, ...rest })
}
