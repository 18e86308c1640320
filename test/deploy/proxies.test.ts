import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { bearer, createAccount, startTestApp, type StartedSession } from '../helpers/app.ts'
import { eventually } from '../helpers/eventually.ts'
import { findProgram } from '../helpers/find-program.ts'
import { read } from './files.ts'

const run = promisify(execFile)

type Adapted = {
  /** The directory of the file, of the certificate and of everything that the proxy writes. */
  readonly folder: string
  /** The ports on which the proxy listens here, instead of 80 and 443. */
  readonly plainPort: number
  readonly port: number
  /** The address of the test server, instead of those of the instances. */
  readonly instance: string
}

type Proxy = {
  readonly program: string
  /** A host name for which the proxy has a certificate. */
  readonly host: string
  /** The file of `deploy/` with the addresses of this test; returns the name of the configuration. */
  readonly configure: (adapted: Adapted) => Promise<string>
  readonly check: (config: string) => readonly string[]
  readonly start: (config: string) => readonly string[]
}

const INSTANCE = /10\.0\.0\.1\d:8000/g

async function write(folder: string, name: string, text: string): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, text)
  return path
}

const PROXIES: Proxy[] = [
  {
    program: 'haproxy',
    host: 'maeum.example.com',
    configure: ({ folder, plainPort, port, instance }) =>
      write(
        folder,
        'haproxy.cfg',
        read('deploy/haproxy/haproxy.cfg')
          .replace('bind :80\n', `bind 127.0.0.1:${plainPort}\n`)
          .replace('bind :443 ', `bind 127.0.0.1:${port} `)
          .replace('/etc/haproxy/maeum.pem', join(folder, 'maeum.pem'))
          .replace(INSTANCE, instance),
      ),
    check: (config) => ['-c', '-f', config],
    start: (config) => ['-db', '-f', config],
  },
  {
    program: 'nginx',
    host: 'maeum.example.com',
    configure: async ({ folder, plainPort, port, instance }) => {
      const site = await write(
        folder,
        'maeum.conf',
        read('deploy/nginx/maeum.conf')
          .replace(/^ +listen \[::\].*\n/gm, '')
          .replace('listen 80;', `listen 127.0.0.1:${plainPort};`)
          .replace('listen 443 ', `listen 127.0.0.1:${port} `)
          .replaceAll('/etc/nginx/', `${folder}/`)
          .replace(INSTANCE, instance),
      )
      const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((name) => `${name}_temp_path ${folder}/${name};`)
        .join(' ')
      const main = `daemon off; pid ${folder}/nginx.pid; error_log stderr;
        events {} http { access_log off; ${temporary} include ${site}; }`
      return write(folder, 'nginx.conf', main)
    },
    check: (config) => ['-t', '-e', 'stderr', '-c', config],
    start: (config) => ['-e', 'stderr', '-c', config],
  },
  {
    program: 'caddy',
    // Caddy signs the certificate of this name itself.
    host: 'localhost',
    configure: ({ folder, plainPort, port, instance }) =>
      write(
        folder,
        'Caddyfile',
        read('deploy/compose/Caddyfile')
          .replace('{\n', '{\n\tadmin off\n\tskip_install_trust\n\tdefault_bind 127.0.0.1\n')
          .replace('http_port 8080', `http_port ${plainPort}`)
          .replace('https_port 8443', `https_port ${port}`)
          .replace('server:8000', instance),
      ),
    check: (config) => ['validate', '--adapter', 'caddyfile', '--config', config],
    start: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
  },
]

/** A certificate under the names that the files use: its key apart, and both in one file. */
async function certify(folder: string): Promise<void> {
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'maeum.key']
  const certificate = ['-x509', '-days', '2', '-subj', '/CN=maeum.example.com', '-out', 'maeum.crt']
  await run('openssl', ['req', ...key, ...certificate], { cwd: folder })
  const parts = await Promise.all(
    ['maeum.crt', 'maeum.key'].map((name) => readFile(join(folder, name), 'utf8')),
  )
  await writeFile(join(folder, 'maeum.pem'), parts.join(''))
}

/** Ports that are free at the moment. */
const freePorts = (count: number) =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo // listening on TCP
      server.close()
      await once(server, 'close')
      return port
    }),
  )

type Asked = { readonly method?: string; readonly headers?: Record<string, string> }

/** One request through the proxy, whose certificate is its own. */
async function ask(port: number, host: string, path: string, { method = 'GET', headers = {} }: Asked = {}) {
  const asked = request({
    ...{ host: '127.0.0.1', port, path, method, servername: host, rejectUnauthorized: false },
    headers: { host, ...headers },
  }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage] // as Node documents it
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) body += String(chunk)
  return { status: response.statusCode, body }
}

/** The proxy with its file in front of a server, as soon as it passes a request. */
async function startProxy(t: Test, { program, host, configure, check, start }: Proxy, path: string) {
  const server = await startTestApp(t, { env: { TRUST_PROXY: '1' } })
  const folder = t.testdir({})
  await certify(folder)
  const [plainPort = 0, port = 0] = await freePorts(2)
  const config = await configure({ folder, plainPort, port, instance: new URL(server.origin).host })
  const env = { PATH: process.env['PATH'], HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const options = { cwd: folder, env: { ...env, MAEUM_HOST: host } }
  await t.resolves(run(path, check(config), options), `${program} accepts the file`)

  const child = spawn(path, start(config), { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(output)
      return ask(port, host, '/api/health').then(
        ({ status }) => status,
        () => undefined,
      )
    },
    (status) => status === 200,
  )
  return { server, port, plainPort }
}

const missingOpenssl = findProgram('openssl') === undefined

for (const proxy of PROXIES) {
  const { program, host } = proxy
  const path = findProgram(program)
  const skip =
    (path === undefined &&
      `${program.toUpperCase()} IS NOT INSTALLED: its configuration is NOT TESTED here`) ||
    (missingOpenssl && `OPENSSL IS NOT INSTALLED: the configuration of ${program} is NOT TESTED here`)

  t.test(`${program} passes requests and sockets`, { skip }, async (t) => {
    const { server, port, plainPort } = await startProxy(t, proxy, path ?? '')
    t.equal((await ask(port, host, '/api/health/ready')).status, 200)
    t.equal((await ask(port, host, '/metrics')).status, 404, 'metrics are not public')
    const plain = await fetch(`http://127.0.0.1:${plainPort}/api/health`, { redirect: 'manual' }).catch(
      () => undefined,
    )
    t.match(plain?.headers.get('location') ?? 'https://', /^https:\/\//, 'plain HTTP is redirected')

    const headers = bearer((await createAccount(server)).accessToken)
    const { status, body } = await ask(port, host, '/api/session/start', { method: 'POST', headers })
    t.equal(status, 201)
    const { wsUrls } = (JSON.parse(body) as { data: StartedSession }).data
    const url = new URL(wsUrls.session)
    t.equal(url.protocol, 'wss:', 'the server knows that the client uses TLS')
    t.equal(url.host, host, 'and under which name')

    const socket = new WebSocket(`wss://127.0.0.1:${port}${url.pathname}${url.search}`, {
      ...{ servername: host, rejectUnauthorized: false },
      headers: { host, origin: `https://${host}` },
    })
    t.teardown(() => socket.terminate())
    const [message] = (await once(socket, 'message')) as [Buffer] // as ws documents it
    t.equal((JSON.parse(message.toString()) as { type: string }).type, 'connected')
  })
}
