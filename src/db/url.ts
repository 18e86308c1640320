import { BlockList, isIP } from 'node:net'

/** The address of a Postgres server. Contains the password: print it only with `describeAddress`. */
export type DatabaseAddress = {
  /** A name, an address without brackets, or the directory of a unix socket (starts with `/`). */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
  /** `verify` checks the certificate and its name; `unverified` encrypts without a check. */
  readonly tls: 'off' | 'verify' | 'unverified'
  /** False behind a transaction pooler, which loses prepared statements. */
  readonly prepare: boolean
  readonly pooler: 'transaction' | 'session' | null
}

const EXAMPLE = 'expected something like postgres://user:password@host:5432/database'

/** The part after the `@`: optional host, port, database, parameters. */
const LOCATION = /^(\[[0-9a-f:.]+\]|[^@:/?#[\]]*)(?::(\d*))?(?:\/([^@/?#]*))?(?:\?([^#]*))?$/i

/** Parameters of libpq, poolers and ORMs. They distinguish a query string from a password that contains `?`. */
const KNOWN_PARAMETERS = new Set(
  (
    'host port user password dbname ssl sslmode sslrootcert sslcert sslkey channel_binding application_name ' +
    'options schema search_path connect_timeout statement_timeout target_session_attrs pgbouncer prepare ' +
    'pool_mode pool_timeout connection_limit supa uselibpqcompat client_encoding'
  ).split(' '),
)

/** Parameters that `parseDatabaseUrl` reads, and parameters that have no effect here and need no warning. */
const USED_PARAMETERS = new Set(
  (
    'host port user password dbname ssl sslmode pgbouncer prepare application_name pool_mode pool_timeout ' +
    'connection_limit connect_timeout supa uselibpqcompat client_encoding channel_binding'
  ).split(' '),
)

const TRANSACTION_POOLER_PORTS = [6543, 6432]

const privateNetworks = new BlockList()
privateNetworks.addSubnet('127.0.0.0', 8)
privateNetworks.addSubnet('10.0.0.0', 8)
privateNetworks.addSubnet('172.16.0.0', 12)
privateNetworks.addSubnet('192.168.0.0', 16)
privateNetworks.addAddress('::1', 'ipv6')
privateNetworks.addSubnet('fc00::', 7, 'ipv6')

/**
 * Reads a `postgres://` or `postgresql://` address. The password may contain any character, raw or percent-encoded (a
 * text that can be decoded is taken as encoded).
 *
 * Port defaults to 5432, user to `postgres`, database to the user's name. Without `sslmode` the connection is
 * verified TLS, except to this machine and private networks, where it is plain.
 * Throws an Error with a one-line message that never contains the password or the address.
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const scheme = /^postgres(?:ql)?:\/\//i.exec(text.trim())
  if (scheme === null) throw new Error(`the database address does not start with postgres://; ${EXAMPLE}`)
  const { credentials, location } = splitAddress(text.trim().slice(scheme[0].length))

  const match = LOCATION.exec(location)
  if (match === null) throw new Error(`the database address has no readable host; ${EXAMPLE}`)
  const [, hostText = '', portText = '', databaseText = '', query = ''] = match
  const parameters = new URLSearchParams(query)

  const colon = credentials.indexOf(':')
  const user = decode(colon < 0 ? credentials : credentials.slice(0, colon)) || parameters.get('user')
  const password = colon < 0 ? (parameters.get('password') ?? '') : decode(credentials.slice(colon + 1))
  if (/^\[?your[-_ ]?password\]?$/i.test(password)) {
    throw new Error('the database address still holds the placeholder for the password; put the real one in')
  }

  const host = parameters.get('host') ?? decode(hostText.replace(/^\[|\]$/g, ''))
  if (host === '') throw new Error(`the database address names no host; ${EXAMPLE}`)
  if (host.includes(',')) throw new Error('the database address names several hosts; give one')
  const port = readPort(portText || (parameters.get('port') ?? '5432'))
  const pooler = findPooler(host, port, parameters)

  return {
    host,
    port,
    user: user ?? 'postgres',
    password,
    database: decode(databaseText) || (parameters.get('dbname') ?? user ?? 'postgres'),
    tls: readTls(parameters, host),
    prepare: pooler !== 'transaction' && parameters.get('prepare') !== 'false',
    pooler,
  }
}

/** Names of the parameters that have no effect here, for a warning. */
export function unusedParameters(text: string): string[] {
  const scheme = /^postgres(?:ql)?:\/\//i.exec(text.trim())?.[0] ?? ''
  const { location } = splitAddress(text.trim().slice(scheme.length))
  const names = new URLSearchParams(LOCATION.exec(location)?.[4] ?? '').keys()
  return [...new Set(names)].filter((name) => !USED_PARAMETERS.has(name))
}

/** One line for the log, without user and password. */
export function describeAddress(address: DatabaseAddress): string {
  const { host, port, database, tls, pooler } = address
  const shownHost = isIP(host) === 6 ? `[${host}]` : host
  const security = { off: 'no TLS', verify: 'TLS verified', unverified: 'TLS unverified' }[tls]
  const parts = [`postgres at ${shownHost}:${port}/${database}`, security]
  if (pooler !== null) parts.push(`${pooler} pooler`)
  return parts.join(', ')
}

/**
 * Finds the `@` that ends the credentials. Passwords and parameters may contain more of them: the first one followed by
 * an address with known parameters is used, otherwise the last one followed by any address.
 */
function splitAddress(rest: string): { credentials: string; location: string } {
  const candidates = [...rest.matchAll(/@/g)]
    .map(({ index }) => ({ credentials: rest.slice(0, index), location: rest.slice(index + 1) }))
    .filter(({ credentials, location }) => !/^[^:]*[/?]/.test(credentials) && LOCATION.test(location))
  return (
    candidates.find(({ location }) => hasKnownParameters(location)) ??
    candidates.at(-1) ?? { credentials: '', location: rest }
  )
}

function hasKnownParameters(location: string): boolean {
  const query = LOCATION.exec(location)?.[4]
  return (
    query === undefined || [...new URLSearchParams(query).keys()].every((key) => KNOWN_PARAMETERS.has(key))
  )
}

/** Decodes fully percent-encoded text; other text is returned unchanged. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // a raw % in a pasted password
  }
}

function readPort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new Error('the port of the database address is not a number from 1 to 65535')
}

function findPooler(host: string, port: number, parameters: URLSearchParams): DatabaseAddress['pooler'] {
  if (TRANSACTION_POOLER_PORTS.includes(port) || parameters.get('pgbouncer') === 'true') return 'transaction'
  return host.endsWith('.pooler.supabase.com') ? 'session' : null
}

function readTls(parameters: URLSearchParams, host: string): DatabaseAddress['tls'] {
  const mode = parameters.get('sslmode') ?? { true: 'require', false: 'disable' }[parameters.get('ssl') ?? '']
  switch (mode) {
    case 'disable':
      return 'off'
    case 'require':
    case 'verify-ca':
    case 'verify-full':
      return 'verify'
    case 'no-verify':
      return 'unverified'
    case undefined:
    case 'allow':
    case 'prefer':
      return isNearby(host) ? 'off' : 'verify'
    default:
      throw new Error('sslmode of the database address must be disable, require, verify-full or no-verify')
  }
}

/** This machine, a Unix socket, a container or a private network: traffic that does not cross the internet. */
function isNearby(host: string): boolean {
  if (host.startsWith('/')) return true
  const family = isIP(host)
  if (family !== 0) return privateNetworks.check(host, family === 6 ? 'ipv6' : 'ipv4')
  return !host.includes('.') || /\.(internal|local)\.?$/i.test(host)
}
