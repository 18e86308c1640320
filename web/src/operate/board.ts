import { createChart } from '../ui/chart.ts'
import { type Child, h } from '../ui/dom.ts'
import { clock } from '../words/format.ts'
import { t, type TextKey } from '../words/language.ts'
import type { ServerState } from './server-state.ts'
import { createFindings } from './findings.ts'
import { quantile, type Sample, sum, sumBy } from './prometheus.ts'

const MINUTE_MS = 60_000
const SHOWN_MS = 10 * MINUTE_MS
const MIB = 1024 ** 2

type Snapshot = { readonly at: number } & Readonly<Record<'local' | 'gemini', number>>

const toInteger = (value: number) => String(Math.round(value))
const formatSeconds = (value: number | undefined) =>
  value === undefined ? t('noCalls') : `${value.toFixed(2)} s`

function figure(key: TextKey) {
  const value = h('dd', {}, '·')
  return {
    element: h('div', {}, h('dt', {}, t(key)), value),
    set: (...text: readonly Child[]) =>
      value.replaceChildren(...text.filter((part) => part instanceof Node || typeof part === 'string')),
    mark: (isGood: boolean) => value.classList.toggle('bad', !isGood),
  }
}

/** The operator's overview, updated from successive reads of `/metrics`. */
export async function createBoard() {
  const figures = {
    faces: figure('faceConnections'),
    lost: figure('lostWindows'),
    waiting: figure('waitingResults'),
    latency: figure('modelLatency'),
    loop: figure('eventLoop'),
    memory: figure('memory'),
  }
  const states = {
    model: figure('breaker'),
    database: figure('databaseState'),
    schema: figure('schemaState'),
    process: figure('processState'),
  }
  const chart = await createChart({
    label: t('windowsPerMinute'),
    lines: [t('sourceLocal'), t('sourceGemini')],
    range: [0, null],
    x: (minutes) => (minutes < 0 ? `−${clock(-minutes * MINUTE_MS)}` : clock(0)),
  })
  const errors = h('ul', { class: 'lines' })
  const findingList = createFindings()
  const snapshots: Snapshot[] = []
  let errorsAtFirst: Map<string, number> | undefined

  /** Windows per minute between each snapshot and the one a minute earlier, or the first. */
  const computeRates = (): [number[], number[], number[]] => {
    const table: [number[], number[], number[]] = [[], [], []]
    const last = snapshots.at(-1)
    if (last === undefined) return table
    for (const [i, one] of snapshots.entries()) {
      const from = snapshots.find(({ at }) => one.at - at <= MINUTE_MS) ?? one
      const minutes = (one.at - from.at) / MINUTE_MS
      if (i === 0 || minutes === 0) continue
      table[0].push((one.at - last.at) / MINUTE_MS)
      table[1].push((one.local - from.local) / minutes)
      table[2].push((one.gemini - from.gemini) / minutes)
    }
    return table
  }

  const showRates = (samples: readonly Sample[]) => {
    const now = performance.now()
    const count = (source: string) => sum(samples, 'maeum_windows_total', { source })
    snapshots.push({ at: now, local: count('local'), gemini: count('gemini') })
    while (snapshots[0] !== undefined && now - snapshots[0].at > SHOWN_MS) snapshots.shift()
    const table = computeRates()
    const [local, gemini] = [table[1].at(-1) ?? 0, table[2].at(-1) ?? 0]
    chart.show(table, t('windowsChartLabel', { local: toInteger(local), gemini: toInteger(gemini) }))
  }

  const showErrors = (samples: readonly Sample[]) => {
    const codes = sumBy(samples, 'maeum_errors_total', 'code')
    errorsAtFirst ??= codes
    const rows = [...codes]
      .filter(([, count]) => count > 0)
      .sort(([, a], [, b]) => b - a)
      .map(([code, count]) => {
        const recent = count - (errorsAtFirst?.get(code) ?? 0)
        return h('li', {}, h('code', {}, code), h('span', { class: 'figure' }, `${recent} · ${count}`))
      })
    errors.replaceChildren(...(rows.length > 0 ? rows : [h('li', { class: 'quiet-text' }, t('noErrors'))]))
  }

  const element = h(
    'div',
    { class: 'board' },
    h('dl', { class: 'figures' }, ...Object.values(figures).map((one) => one.element)),
    h('section', {}, h('h2', {}, t('windowsPerMinute')), chart.element),
    h('dl', { class: 'states' }, ...Object.values(states).map((one) => one.element)),
    findingList.element,
    h('section', {}, h('h2', {}, t('errorsByCode'), h('small', {}, t('errorsSince'))), errors),
  )

  return {
    element,
    close: () => chart.close(),
    show({ samples, checks, findings }: Extract<ServerState, { kind: 'ok' }>): void {
      // Windows of sessions that another instance has taken over are not lost.
      const dropped = (reason = {}) => sum(samples, 'maeum_windows_dropped_total', reason)
      const lost = dropped() - dropped({ reason: 'not_ours' })
      figures.faces.set(toInteger(sum(samples, 'maeum_sockets', { channel: 'landmarks' })))
      figures.lost.set(toInteger(lost))
      figures.lost.mark(lost === 0)
      figures.waiting.set(toInteger(sum(samples, 'maeum_outbox_windows')))
      const median = quantile(samples, 'maeum_model_seconds', 0.5)
      const slow = quantile(samples, 'maeum_model_seconds', 0.95)
      figures.latency.set(
        formatSeconds(median),
        median !== undefined && h('small', {}, `${t('median')} · ${t('slowest')} ${formatSeconds(slow)}`),
      )
      figures.loop.set(`${toInteger(sum(samples, 'maeum_nodejs_eventloop_lag_p99_seconds') * 1000)} ms`)
      figures.memory.set(`${toInteger(sum(samples, 'maeum_process_resident_memory_bytes') / MIB)} MiB`)
      for (const name of ['model', 'database', 'schema', 'process'] as const) {
        const { ok, details } = checks[name]
        states[name].set(h('b', {}, t(ok ? 'good' : 'bad')), ...details.map((line) => h('small', {}, line)))
        states[name].mark(ok)
      }
      findingList.show(findings)
      showRates(samples)
      showErrors(samples)
    },
  }
}
