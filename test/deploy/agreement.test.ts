import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../src/config/config.ts'
import { MAX_AUDIO_BYTES } from '../../src/features/conversation/upload.ts'
import { startTestApp } from '../helpers/app.ts'
import {
  composeFile,
  FILES,
  find,
  flyFile,
  kubernetesFiles,
  matches,
  mebibytes,
  read,
  readYaml,
  renderFile,
  ROOT,
  seconds,
  SERVERS,
  SHUTDOWN_SECONDS,
  systemdUnit,
} from './files.ts'

const DEFAULTS = readConfig({})
const PORT = DEFAULTS.server.port
const PING_SECONDS = DEFAULTS.sessions.pingIntervalMs / 1000
const RESTART_CHECK = '/api/health'
const ROUTING_CHECK = '/api/health/ready'

const haproxy = read('deploy/haproxy/haproxy.cfg')
const nginx = read('deploy/nginx/maeum.conf')
const caddy = read('deploy/compose/Caddyfile')
const dockerfile = read('Dockerfile')

t.test('every file leads to the port on which the server listens', async (t) => {
  const kubernetes = kubernetesFiles()
  const ports = {
    'fly.toml': flyFile().content.http_service.internal_port,
    'the Deployment': kubernetes.container.ports[0].containerPort,
    'the NetworkPolicy': kubernetes.get('NetworkPolicy').spec.ingress[0].ports[0].port,
    Dockerfile: Number(find(dockerfile, /^EXPOSE (\d+)$/m)),
    Caddyfile: Number(find(caddy, /reverse_proxy server:(\d+)/)),
  }
  for (const [file, port] of Object.entries(ports)) t.equal(port, PORT, file)
  for (const [file, text] of Object.entries({ haproxy, nginx })) {
    const instances = matches(text, /^ +server .*\d+\.\d+\.\d+\.\d+:(\d+)/gm).map(Number)
    t.same(instances, [PORT, PORT], file)
  }
  for (const { file, environment } of SERVERS())
    t.equal(readConfig(environment).server.port, PORT, `${file} leaves PORT at its default`)
})

t.test('Kubernetes finds the pods of the server by their labels, and the port by its name', async (t) => {
  const { get, container } = kubernetesFiles()
  const { labels } = get('Deployment').spec.template.metadata
  const selectors = [
    get('Deployment').spec.selector.matchLabels,
    get('Service').spec.selector,
    get('PodDisruptionBudget').spec.selector.matchLabels,
  ]
  for (const selector of selectors) t.match(labels, selector)
  t.notMatch(
    get('Job').spec.template.metadata.labels,
    get('Service').spec.selector,
    'the Job gets no traffic',
  )
  const [port] = get('Service').spec.ports
  t.equal(port.targetPort, container.ports[0].name)
  t.match(get('Ingress').spec.rules[0].http.paths[0].backend.service, {
    name: get('Service').metadata.name,
    port: { name: port.name },
  })
  t.equal(get('HorizontalPodAutoscaler').spec.scaleTargetRef.name, get('Deployment').metadata.name)
  const host = get('Ingress').spec.rules[0].host
  t.equal(get('ConfigMap').data.PUBLIC_URL, `https://${host}`)
})

t.test('restarts follow the check without the database, routing follows readiness', async (t) => {
  const { container } = kubernetesFiles()
  const restart = {
    'render.yaml': renderFile().service.healthCheckPath,
    startupProbe: container.startupProbe.httpGet.path,
    livenessProbe: container.livenessProbe.httpGet.path,
    Dockerfile: find(dockerfile, /^HEALTHCHECK[\s\S]*?'(\/[\w/]+)'/m),
  }
  const routing = {
    readinessProbe: container.readinessProbe.httpGet.path,
    'fly.toml': flyFile().content.http_service.checks[0].path,
    haproxy: find(haproxy, /http-check send .*uri (\S+)/),
  }
  for (const [name, path] of Object.entries(restart)) t.equal(path, RESTART_CHECK, name)
  for (const [name, path] of Object.entries(routing)) t.equal(path, ROUTING_CHECK, name)
  const { origin } = await startTestApp(t)
  for (const path of [RESTART_CHECK, ROUTING_CHECK])
    t.equal((await fetch(`${origin}${path}`)).status, 200, path)
})

t.test('the process is not killed before it has ended by itself', async (t) => {
  const preStopSeconds = Number(kubernetesFiles().container.lifecycle.preStop.exec.command[1])
  for (const { file, environment, graceSeconds } of SERVERS()) {
    const drain = readConfig(environment).server.drainDelayMs / 1000
    const needed = drain + SHUTDOWN_SECONDS + (file.includes('kubernetes') ? preStopSeconds : 0)
    t.ok(graceSeconds >= needed + 1, `${file}: ${graceSeconds} s for ${needed} s`)
  }
  t.equal(flyFile().content.kill_signal, 'SIGTERM')
  t.equal(systemdUnit().get('KillMode'), 'mixed', 'the embedded database does not get the signal')
})

t.test('DRAIN_DELAY_MS is longer than a balancer takes to see the failing check', async (t) => {
  const drainOf = (environment: Record<string, string>) => readConfig(environment).server.drainDelayMs / 1000
  const { container, deployed } = kubernetesFiles()
  const { periodSeconds, failureThreshold } = container.readinessProbe
  t.ok(drainOf(deployed.environment) > periodSeconds * failureThreshold, 'Kubernetes')
  const fly = flyFile()
  t.ok(drainOf(fly.deployed.environment) > 2 * seconds(fly.content.http_service.checks[0].interval), 'Fly')
  const named = Number(find(haproxy, /DRAIN_DELAY_MS=(\d+) on each/)) / 1000
  const [, interval = '', fall = ''] = /check inter (\w+) fall (\d+)/.exec(haproxy) ?? []
  t.ok(named > seconds(interval) * Number(fall), 'HAProxy')
})

t.test('a start may wait for the database as long as the server does', async (t) => {
  const { periodSeconds, failureThreshold } = kubernetesFiles().container.startupProbe
  t.ok(periodSeconds * failureThreshold > DEFAULTS.database.waitMs / 1000)
  const grace = flyFile().content.http_service.checks[0].grace_period
  t.ok(seconds(grace) > DEFAULTS.database.waitMs / 1000)
  const period = find(dockerfile, /--start-period=(\w+)/)
  t.ok(seconds(period) > DEFAULTS.database.waitMs / 1000)
})

t.test('a proxy keeps live sockets open, and closes idle connections before the server does', async (t) => {
  const { annotations } = kubernetesFiles().get('Ingress').metadata
  const open = {
    haproxy: find(haproxy, /timeout tunnel (\w+)/),
    nginx: find(nginx, /proxy_read_timeout (\w+);/),
    ingress: annotations['nginx.ingress.kubernetes.io/proxy-read-timeout'],
  }
  // The server itself drops a socket after three silent intervals.
  for (const [name, timeout] of Object.entries(open)) t.ok(seconds(timeout) > 3 * PING_SECONDS, name)
  const idle = {
    nginx: find(nginx, /keepalive_timeout (\w+);/),
    caddy: find(caddy, /keepalive (\w+)/),
  }
  for (const [name, timeout] of Object.entries(idle))
    t.ok(seconds(timeout) < DEFAULTS.server.keepAliveMs / 1000, name)
})

t.test('a proxy accepts the largest recording', async (t) => {
  const { annotations } = kubernetesFiles().get('Ingress').metadata
  for (const limit of [
    annotations['nginx.ingress.kubernetes.io/proxy-body-size'],
    find(nginx, /client_max_body_size (\w+);/),
  ])
    t.ok(mebibytes(limit) * 2 ** 20 > MAX_AUDIO_BYTES, limit)
})

t.test('the heap is the measured one, and the memory limit leaves room for its peak', async (t) => {
  const [, heap = '', peak = ''] =
    /`--max-old-space-size=(\d+)` \| \d+ to (\d+) MiB/.exec(read('docs/operations.md')) ?? []
  t.ok(Number(peak) > 0)
  for (const { file, command, memoryMib } of SERVERS()) {
    t.ok(command.includes(`--max-old-space-size=${heap}`), file)
    if (memoryMib !== undefined) t.ok(memoryMib > Number(peak), `${file}: ${memoryMib} MiB for ${peak}`)
  }
})

t.test('the connections of all pods fit into a Postgres with its default settings', async (t) => {
  const { get, deployed } = kubernetesFiles()
  const { maxReplicas } = get('HorizontalPodAutoscaler').spec
  const { maxSurge } = get('Deployment').spec.strategy.rollingUpdate
  const pods = Number(maxReplicas) + Number(maxSurge)
  const each = readConfig(deployed.environment).database.poolMax + 1
  // max_connections is 100, three of which are reserved for a superuser.
  t.ok(pods * each <= 97, `${pods} pods with ${each} connections each`)
})

t.test('Kubernetes runs the same image of this version everywhere, and lists every manifest', async (t) => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  const folders = ['deploy/kubernetes', 'deploy/kubernetes/migrate']
  const [server, migration] = folders.map((folder) => readYaml(`${folder}/kustomization.yaml`))
  t.same(server.images, migration.images)
  t.equal(server.images[0].newTag, version)
  for (const folder of folders) {
    const listed = [...readYaml(`${folder}/kustomization.yaml`).resources, 'kustomization.yaml']
    const there = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.yaml'))
    t.same(there.sort(), listed.sort(), folder)
  }
  const { get } = kubernetesFiles()
  for (const kind of ['Deployment', 'Job'])
    t.equal(get(kind).spec.template.spec.containers[0].image, server.images[0].name)
})

t.test('the processes run without root and cannot write to their root file system', async (t) => {
  const { get } = kubernetesFiles()
  for (const kind of ['Deployment', 'Job']) {
    const { spec } = get(kind).spec.template
    t.match(spec.securityContext, { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    t.match(spec.containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
  }
  const { services } = composeFile().content
  for (const [name, service] of Object.entries(services)) {
    t.match(service, { read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] }, name)
    t.match(service, { user: /^(1000:1000|postgres)$/ }, name)
  }
  const uid = find(dockerfile, /^USER (\d+):\d+$/m)
  t.equal(services.server.user.split(':')[0], uid)
  t.equal(get('Deployment').spec.template.spec.securityContext.runAsUser, Number(uid))
})

t.test('Render connects the service to the database of the same file', async (t) => {
  const { content, service } = renderFile()
  const { fromDatabase } = service.envVars.find(({ key }: { key: string }) => key === 'DATABASE_URL')
  t.ok(content.databases.some(({ name }: { name: string }) => name === fromDatabase.name))
  t.ok(existsSync(join(ROOT, service.dockerContext, service.dockerfilePath)))
})

t.test('every program that a file starts is an entry point of the build', async (t) => {
  const named = FILES.flatMap((file) => matches(read(file), /\bdist\/([\w/-]+)\.js\b/g))
  t.ok(named.includes('main') && named.includes('cli/main'))
  for (const name of new Set(named)) t.ok(existsSync(join(ROOT, 'src', `${name}.ts`)), name)
})

t.test('the README lists every file, and its links lead somewhere', async (t) => {
  const path = 'deploy/README.md'
  const links = matches(read(path), /\]\((?!https?:|#)([^)\s#]+)[^)\s]*\)/g)
  for (const link of links) t.ok(existsSync(join(ROOT, dirname(path), link)), link)
  const linked = links.map((link) => join(dirname(path), link))
  const expected = FILES.filter((file) => file !== path && !/kubernetes\/.*\.yaml$/.test(file))
  t.same(
    expected.filter((file) => !linked.includes(file)),
    [],
  )
})
