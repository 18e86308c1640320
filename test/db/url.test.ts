import t from 'tap'
import {
  type DatabaseAddress,
  describeAddress,
  parseDatabaseUrl,
  unusedParameters,
} from '../../src/db/url.ts'

const LOCAL: DatabaseAddress = {
  host: 'localhost',
  port: 5432,
  user: 'u',
  password: 'p',
  database: 'd',
  tls: 'off',
  prepare: true,
  pooler: null,
}

const readable: [name: string, url: string, expected: Partial<DatabaseAddress>][] = [
  ['a plain address', 'postgres://u:p@localhost:5432/d', {}],
  ['the long scheme in capitals with space around', ' PostgreSQL://u:p@localhost/d\n', {}],
  ['no port', 'postgres://u:p@localhost/d', { port: 5432 }],
  ['an empty port', 'postgres://u:p@localhost:/d', { port: 5432 }],
  ['no database: the name of the user', 'postgres://u:p@localhost', { database: 'u' }],
  ['no credentials at all', 'postgres://localhost/d', { user: 'postgres', password: '' }],
  ['a user without password', 'postgres://u@localhost/d', { password: '' }],
  ['an encoded password', 'postgres://u:p%40%3A%2F%3F%23%25@localhost/d', { password: 'p@:/?#%' }],
  ['a raw @', 'postgres://u:p@ss@localhost/d', { password: 'p@ss' }],
  ['a raw : and /', 'postgres://u:p:a/ss@localhost/d', { password: 'p:a/ss' }],
  ['a raw ? and #', 'postgres://u:p?a#ss@localhost/d', { password: 'p?a#ss' }],
  ['a raw %', 'postgres://u:100%@localhost/d', { password: '100%' }],
  ['raw brackets', 'postgres://u:[p]a[ss]@localhost/d', { password: '[p]a[ss]' }],
  ['all of them raw', 'postgres://u:@:/?#%[]@localhost/d', { password: '@:/?#%[]' }],
  ['a password like an address', 'postgres://u:a@b/c?d=e@localhost/d', { password: 'a@b/c?d=e' }],
  ['an @ in a parameter', 'postgres://u:p@localhost/d?application_name=me@here', {}],
  ['an unknown parameter', 'postgres://u:p@ss@localhost/d?colour=red', { password: 'p@ss' }],
  ['an encoded user and database', 'postgres://a%40b:p@localhost/my%20d', { user: 'a@b', database: 'my d' }],
  ['IPv6 loopback', 'postgres://u:p@[::1]:5433/d', { host: '::1', port: 5433 }],
  ['public IPv6', 'postgres://u:p@[2001:db8::1]/d', { host: '2001:db8::1', tls: 'verify' }],
  ['private IPv6', 'postgres://u:p@[fd12::1]/d', { host: 'fd12::1' }],
  ['a socket in the query', 'postgres://u:p@/d?host=/run/postgresql', { host: '/run/postgresql' }],
  ['a socket, all in the query', 'postgres:///d?host=/run/pg&user=u&password=p', { host: '/run/pg' }],
  ['a socket as encoded host', 'postgres://u:p@%2Frun%2Fpg/d', { host: '/run/pg' }],
  ['a public name', 'postgres://u:p@db.example.com/d', { host: 'db.example.com', tls: 'verify' }],
  ['an internal name', 'postgres://u:p@db.railway.internal/d', { host: 'db.railway.internal' }],
  ['a private address', 'postgres://u:p@172.20.1.2/d', { host: '172.20.1.2' }],
  ['a public address', 'postgres://u:p@172.32.1.2/d', { host: '172.32.1.2', tls: 'verify' }],
  ['sslmode=disable', 'postgres://u:p@8.8.8.8/d?sslmode=disable', { host: '8.8.8.8', tls: 'off' }],
  ['sslmode=require', 'postgres://u:p@localhost/d?sslmode=require', { tls: 'verify' }],
  ['sslmode=prefer', 'postgres://u:p@localhost/d?sslmode=prefer', { tls: 'off' }],
  ['sslmode=no-verify', 'postgres://u:p@8.8.8.8/d?sslmode=no-verify', { host: '8.8.8.8', tls: 'unverified' }],
  ['ssl=true', 'postgres://u:p@localhost/d?ssl=true', { tls: 'verify' }],
  [
    'a Supabase transaction pooler',
    'postgresql://postgres.abc:p@x@aws-0.pooler.supabase.com:6543/postgres',
    {
      host: 'aws-0.pooler.supabase.com',
      port: 6543,
      user: 'postgres.abc',
      password: 'p@x',
      database: 'postgres',
      tls: 'verify',
      prepare: false,
      pooler: 'transaction',
    },
  ],
  [
    'a Supabase session pooler',
    'postgres://u:p@aws-0.pooler.supabase.com:5432/d',
    { host: 'aws-0.pooler.supabase.com', tls: 'verify', pooler: 'session' },
  ],
  [
    'pgbouncer by port',
    'postgres://u:p@localhost:6432/d',
    { port: 6432, prepare: false, pooler: 'transaction' },
  ],
  ['pgbouncer=true', 'postgres://u:p@localhost/d?pgbouncer=true', { prepare: false, pooler: 'transaction' }],
  ['prepare=false', 'postgres://u:p@localhost/d?prepare=false', { prepare: false }],
]

t.test('an address is parsed in all forms', async (t) => {
  for (const [name, url, expected] of readable) t.same(parseDatabaseUrl(url), { ...LOCAL, ...expected }, name)
})

const unreadable: [name: string, url: string, message: RegExp][] = [
  ['nothing', '', /postgres:\/\//],
  ['another database', 'mysql://u:s3cret@localhost/d', /does not start with postgres/],
  ['a quoted address', '"postgres://u:s3cret@localhost/d"', /does not start with postgres/],
  ['no host', 'postgres://u:s3cret@/d', /names no host/],
  ['a port out of range', 'postgres://u:s3cret@localhost:70000/d', /port/],
  ['a port of letters', 'postgres://u:s3cret@localhost:port/d', /host/],
  ['several hosts', 'postgres://u:s3cret@a,b/d', /several hosts/],
  ['an unknown sslmode', 'postgres://u:s3cret@localhost/d?sslmode=maybe', /sslmode/],
  ['the placeholder of a dashboard', 'postgres://u:[YOUR-PASSWORD]@db.example.com/d', /placeholder/],
]

t.test('an invalid address is refused with one line without its secrets', async (t) => {
  for (const [name, url, message] of unreadable) {
    t.throws(() => parseDatabaseUrl(url), { message }, name)
    t.throws(
      () => parseDatabaseUrl(url),
      { message: /^(?!.*(s3cret|YOUR-PASSWORD))[^\n]+$/ },
      `${name}: no secret`,
    )
  }
})

t.test('an address is described without user and password', async (t) => {
  const describe = (url: string) => describeAddress(parseDatabaseUrl(url))
  t.equal(
    describe('postgres://alice:s3cret@db.example.com:6543/app'),
    'postgres at db.example.com:6543/app, TLS verified, transaction pooler',
  )
  t.equal(describe('postgres://alice:s3cret@[::1]/app'), 'postgres at [::1]:5432/app, no TLS')
})

t.test('parameters that have no effect are named', (t) => {
  const base = 'postgres://u:p?a=b@db.example.com/d'
  t.same(unusedParameters(`${base}?sslmode=require&sslrootcert=/ca&options=-c%20x&statement_timeout=5`), [
    'sslrootcert',
    'options',
    'statement_timeout',
  ])
  t.same(unusedParameters(`${base}?sslmode=verify-full&pgbouncer=true&channel_binding=require`), [])
  t.same(unusedParameters(base), [])
  t.end()
})
