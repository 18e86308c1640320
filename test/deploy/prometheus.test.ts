import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { findProgram } from '../helpers/find-program.ts'
import { type Instance, startFleet } from '../helpers/fleet.ts'
import { createGeminiDouble, DOUBLE_KEY } from '../helpers/gemini-double.ts'
import { answer } from '../helpers/gemini-steps.ts'
import { freePort } from '../helpers/own-postgres.ts'
import { openClients } from '../helpers/web-client.ts'
import { matches, read, readYaml } from './files.ts'

const run = promisify(execFile)

const ALERTS = 'deploy/prometheus/alerts.yml'
const OPERATIONS = read('docs/operations.md')
const TOKEN = 'a-token-of-the-metrics'
const MODEL = 'gemini-2.5-flash-lite'

type Rule = {
  readonly alert: string
  readonly expr: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}
const RULES: Rule[] = readYaml(ALERTS).groups.flatMap(({ rules }: { rules: Rule[] }) => rules)

type Panel = {
  readonly id: number
  readonly title: string
  readonly type: string
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[]
}
type Dashboard = {
  readonly panels: readonly Panel[]
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string }[] }
}
const DASHBOARD = JSON.parse(read('deploy/grafana/dashboard.json')) as Dashboard

/** As Grafana sends it for all instances; the interval has several scrapes of the test. */
const filledIn = (expr: string) => expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '30s')

const QUERIES = DASHBOARD.panels.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr }) => ({ title, expr: filledIn(expr) })),
)

const prometheus = findProgram('prometheus')
const promtool = findProgram('promtool')
const skip =
  (prometheus === undefined || promtool === undefined) &&
  'PROMETHEUS IS NOT INSTALLED: alerts and dashboard are NOT TESTED here'

/** The heading as GitHub addresses it. */
const toAnchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replaceAll(' ', '-')

t.test('each alert says how bad it is, what it is, what to do and where that is described', async (t) => {
  const anchors = matches(OPERATIONS, /^#{2,4} (.+)$/gm).map(toAnchor)
  for (const { alert, labels, annotations } of RULES) {
    t.match(labels['severity'], /^(critical|warning)$/, alert)
    t.ok(annotations['summary'], alert)
    t.match(annotations['description'], /\.$/, `${alert} is a sentence`)
    const [file, anchor = ''] = annotations['runbook']?.split('#') ?? []
    t.equal(file, 'docs/operations.md', alert)
    t.ok(anchors.includes(anchor), `${alert}: there is a section ${anchor}`)
    t.ok(OPERATIONS.includes(`\`${alert}\``), `${alert} is in the table of alerts`)
  }
  t.equal(new Set(RULES.map(({ alert }) => alert)).size, RULES.length, 'names are unique')
})

t.test('the dashboard has a choice of the data source, and panels that do not overlap', async (t) => {
  t.match(DASHBOARD.templating.list, [{ name: 'datasource', type: 'datasource' }, { name: 'instance' }])
  const rows = DASHBOARD.panels.filter(({ type }) => type === 'row').map(({ title }) => title)
  t.same(rows, ['Sessions', 'Windows and models', 'Database and writer', 'HTTP and sockets', 'Process'])
  t.equal(new Set(DASHBOARD.panels.map(({ id }) => id)).size, DASHBOARD.panels.length)
  const cells = DASHBOARD.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
  )
  t.equal(new Set(cells).size, cells.length)
  for (const { targets = [] } of DASHBOARD.panels)
    for (const { datasource } of targets) t.equal(datasource.uid, '${datasource}')
})

t.test('promtool accepts the files, and each alert fires when it should', { skip }, async (t) => {
  const cwd = t.testdir({
    'alerts.yml': read(ALERTS),
    'alerts.test.yml': read('test/deploy/alerts.test.yml'),
    'prometheus.yml': read('deploy/prometheus/prometheus.yml'),
    'metrics-token': TOKEN,
  })
  const check = (...args: string[]) => run(promtool ?? '', args, { cwd })
  await t.resolves(check('check', 'config', 'prometheus.yml'))
  await t.resolves(check('check', 'rules', 'alerts.yml'))
  await t.resolves(check('test', 'rules', 'alerts.test.yml'))
})

/** A Prometheus with the files of `deploy/`, which scrapes this instance each second. */
async function startPrometheus(t: Test, instance: Instance): Promise<string> {
  const folder = t.testdir({
    'alerts.yml': read(ALERTS),
    'metrics-token': TOKEN,
    'prometheus.yml': read('deploy/prometheus/prometheus.yml')
      .replaceAll('15s', '1s')
      .replace(/targets: .*/, `targets: ['${new URL(instance.origin).host}']`),
  })
  const address = `127.0.0.1:${await freePort()}`
  const args = [
    '--config.file=prometheus.yml',
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=${address}`,
  ]
  const child = spawn(prometheus ?? '', args, { cwd: folder, stdio: 'ignore' })
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill('SIGTERM')
    await ended
  })
  return `http://${address}`
}

type Sample = { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] }
type Found = { readonly status: string; readonly error?: string; readonly samples: readonly Sample[] }

async function query(origin: string, expr: string): Promise<Found> {
  const answered = await fetch(
    `${origin}/api/v1/query?${new URLSearchParams({ query: expr }).toString()}`,
  ).catch(() => undefined)
  if (answered === undefined) return { status: 'away', samples: [] }
  const { status, error, data } = (await answered.json()) as {
    status: string
    error?: string
    data?: { result: Sample[] }
  }
  return { status, samples: data?.result ?? [], ...(error === undefined ? {} : { error }) }
}

/** The names of metrics in an expression. */
const metricsIn = (expr: string) => [...new Set(matches(expr, /\b(maeum_[a-z0-9_]+)/g))]

/** Begins only with the first error of its kind. */
const UNSEEN = ['maeum_internal_errors_total']

t.test(
  'each query of the dashboard and of the alerts finds data of a server that streams',
  { skip },
  async (t) => {
    const gemini = await createGeminiDouble(t, [answer()])
    const fleet = await startFleet(t, 1, {
      ANALYSIS_INTERVAL_MS: '500',
      METRICS_TOKEN: TOKEN,
      RETENTION_DAYS: '30',
      GEMINI_API_KEY: DOUBLE_KEY,
      GEMINI_BASE_URL: gemini.baseUrl,
      GEMINI_MODELS: MODEL,
      GEMINI_PRICES: `${MODEL}=0.1/0.4`,
    })
    const [instance] = fleet.instances as [Instance] // as many as were asked for
    const origin = await startPrometheus(t, instance)
    const clients = await openClients(t, fleet, { count: 3, instances: [instance] })
    await Promise.all(clients.map((client) => client.receives(3)))

    for (const { title, expr } of QUERIES) {
      const found = await eventually(
        () => query(origin, expr),
        ({ status, samples }) =>
          status === 'error' || samples.some(({ value }) => Number.isFinite(Number(value[1]))),
      ).catch(() => undefined)
      t.equal(found?.status, 'success', `${title}: ${expr}`)
    }
    for (const { alert, expr } of RULES) {
      t.equal((await query(origin, expr)).status, 'success', alert)
      for (const name of metricsIn(expr).filter((one) => !UNSEEN.includes(one)))
        t.ok((await query(origin, name)).samples.length > 0, `${alert}: ${name} is there`)
    }
    const { samples } = await query(origin, 'ALERTS{alertstate="firing"}')
    t.same(
      samples.map(({ metric }) => metric['alertname']),
      [],
      'nothing is wrong',
    )

    const { samples: all } = await query(origin, 'count by (__name__) ({job="maeum"})')
    const served = all
      .map(({ metric }) => metric['__name__']?.replace(/_(bucket|sum|count)$/, '') ?? '')
      .filter((name) => /^maeum_(?!process_|nodejs_)/.test(name))
    for (const name of new Set(served)) t.ok(OPERATIONS.includes(`\`${name}\``), `${name} is documented`)
  },
)
