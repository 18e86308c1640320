import { once } from 'node:events'
import { isIP, connect as openPlain, type Socket } from 'node:net'
import { connect as openSecure } from 'node:tls'
import { DriverSocket, failedSocket, connectionReset, socketError } from './driver-socket.ts'
import type { ServerError } from './server-messages.ts'
import type { DatabaseAddress } from './url.ts'

/** Requests TLS: length 8, request code 1234.5679 (PostgreSQL protocol, "SSLRequest"). */
const TLS_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const TLS_ACCEPTED = 'S'
/** Length 16 with the key that follows, request code 1234.5678 ("CancelRequest"). */
const CANCEL_REQUEST = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46])

/** A name may have several addresses; a distant one needs longer than Node's default of 250 ms. */
const ADDRESS_DEADLINE_MS = 2_500

type SocketOptions = {
  /** PEM text of the certificate authority, if it is not a public one. */
  readonly ca?: string
  readonly connectDeadlineMs: number
  readonly onServerError?: (error: ServerError) => void
  /** Called with the end of the server's certificate for each connection with TLS. */
  readonly onCertificate?: (endsAt: Date) => void
}

/**
 * A socket for postgres.js. TLS is negotiated here, because the driver starts TLS even if the server refuses it.
 * Never rejects, because the driver would lose the slot in its pool: a failure returns a socket that fails.
 *
 * @param given aborts, with the reason, when the socket is no longer needed.
 */
export async function openSocket(
  address: DatabaseAddress,
  options: SocketOptions,
  given: AbortSignal,
): Promise<DriverSocket> {
  try {
    return new DriverSocket(await connect(address, options, given), options.onServerError)
  } catch (error) {
    return failedSocket(error instanceof Error ? error : new Error(String(error)))
  }
}

/** Requests the server to cancel the statement of the connection with this key. Best effort. */
export async function requestCancel(
  address: DatabaseAddress,
  options: SocketOptions,
  key: Buffer,
): Promise<void> {
  try {
    const socket = await connect(address, options, new AbortController().signal)
    socket.on('error', () => socket.destroy())
    socket.end(Buffer.concat([CANCEL_REQUEST, key]))
  } catch {
    // Without the server there is no statement to cancel.
  }
}

/** Rejects with the reason of `given`, with `CONNECT_TIMEOUT` after the deadline, or with the error of the network. */
async function connect(
  address: DatabaseAddress,
  options: SocketOptions,
  given: AbortSignal,
): Promise<Socket> {
  given.throwIfAborted()
  const deadline = AbortSignal.timeout(options.connectDeadlineMs)
  const signal = AbortSignal.any([deadline, given])
  const { host, port } = address
  const plain = host.startsWith('/')
    ? openPlain(`${host}/.s.PGSQL.${port}`)
    : openPlain({ host, port, autoSelectFamilyAttemptTimeout: ADDRESS_DEADLINE_MS })
  try {
    await once(plain, 'connect', { signal })
    return address.tls === 'off' ? plain : await secure(plain, address, options, signal)
  } catch (error) {
    plain.destroy()
    given.throwIfAborted()
    throw deadline.aborted ? socketError('CONNECT_TIMEOUT', 'the database server did not answer') : error
  }
}

async function secure(
  plain: Socket,
  address: DatabaseAddress,
  { ca, onCertificate }: SocketOptions,
  signal: AbortSignal,
): Promise<Socket> {
  const closed = once(plain, 'close', { signal }).then(() => {
    throw connectionReset()
  })
  plain.write(TLS_REQUEST)
  const [answer] = (await Promise.race([once(plain, 'data', { signal }), closed])) as [Buffer] // no encoding is set
  // More than one byte would be plaintext injected before the encryption (CVE-2021-23222).
  if (answer.toString('latin1') !== TLS_ACCEPTED) {
    throw socketError('TLS_NOT_OFFERED', 'the database server does not offer TLS')
  }
  const secured = openSecure({
    socket: plain,
    host: address.host,
    ...(isIP(address.host) === 0 && { servername: address.host }),
    ...(ca !== undefined && { ca }),
    rejectUnauthorized: address.tls === 'verify',
  })
  await Promise.race([once(secured, 'secureConnect', { signal }), closed])
  onCertificate?.(new Date(secured.getPeerCertificate().valid_to))
  return secured
}
