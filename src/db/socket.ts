import { once } from 'node:events'
import { isIP, connect as openPlain, type Socket } from 'node:net'
import { connect as openSecure } from 'node:tls'
import { DriverSocket, failedSocket, hungUp, socketError } from './driver-socket.ts'
import type { DatabaseAddress } from './url.ts'

export type SocketOptions = {
  /** PEM text of the certificate authority, when it is not a public one. */
  readonly ca?: string
  readonly connectDeadlineMs: number
  /** How long the server may leave bytes unanswered before it counts as dead. */
  readonly answerDeadlineMs: number
}

/** Asks the server for TLS: length 8, request code 1234.5679 (PostgreSQL protocol, "SSLRequest"). */
const TLS_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
const TLS_ACCEPTED = 'S'

/**
 * The sockets of one pool, for postgres.js. TLS is settled here: the driver by itself would speak it to a server that
 * refused.
 */
export function createSockets(address: DatabaseAddress, options: SocketOptions) {
  const open = new Set<DriverSocket>()
  let closing = false
  let allClosed: () => void

  const closed = new Promise<void>((resolve) => {
    allClosed = resolve
  })
  return {
    /** Never rejects, for the driver would lose the place in its pool: a failure is a socket that fails. */
    async open(): Promise<DriverSocket> {
      if (closing) return failedSocket(socketError('CONNECTION_ENDED', 'the database is being closed'))
      const socket = await openSocket(address, options)
      open.add(socket)
      socket.once('close', () => {
        open.delete(socket)
        if (closing && open.size === 0) allClosed()
      })
      return socket
    },
    /** Opens no more; resolves when the driver has closed those it has, or closes them itself after the deadline. */
    async close(deadlineMs: number): Promise<void> {
      closing = true
      if (open.size === 0) return
      const late = setTimeout(() => {
        for (const socket of open)
          socket.destroy(socketError('CONNECTION_DESTROYED', 'the database was closed'))
      }, deadlineMs)
      await closed
      clearTimeout(late)
    },
  }
}

async function openSocket(address: DatabaseAddress, options: SocketOptions): Promise<DriverSocket> {
  const signal = AbortSignal.timeout(options.connectDeadlineMs)
  const { host, port } = address
  const plain = host.startsWith('/') ? openPlain(`${host}/.s.PGSQL.${port}`) : openPlain(port, host)
  try {
    await once(plain, 'connect', { signal })
    const socket = address.tls === 'off' ? plain : await secure(plain, address, options.ca, signal)
    return new DriverSocket(socket, options.answerDeadlineMs)
  } catch (error) {
    const late = signal.aborted ? socketError('CONNECT_TIMEOUT', 'the database server did not answer') : error
    plain.destroy()
    return failedSocket(late instanceof Error ? late : new Error(String(late)))
  }
}

async function secure(
  plain: Socket,
  address: DatabaseAddress,
  ca: string | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  const closed = once(plain, 'close', { signal }).then(() => {
    throw hungUp()
  })
  plain.write(TLS_REQUEST)
  const [answer] = (await Promise.race([once(plain, 'data', { signal }), closed])) as [Buffer] // no encoding is set
  // More than the one byte would be text that somebody slipped in before the encryption (CVE-2021-23222).
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
  return secured
}
