import type { Report } from '../pages/report.ts'
import { createChart } from '../ui/chart.ts'
import { h } from '../ui/dom.ts'
import { clock, emotionName, percent, signed } from '../words/format.ts'
import { t } from '../words/language.ts'

/** Valence and arousal over the session, as a chart and as a table. */
export async function createCourse({ vadTimeline, emotionTimeline, metadata, analysis }: Report) {
  const seconds = vadTimeline.map(({ timestamp }) => (timestamp - metadata.startedAt) / 1000)
  const { valence, arousal } = analysis.vadVector ?? { valence: 0, arousal: 0 } // not null: the report has windows
  const chart = await createChart({
    label: t('courseLabel', { n: vadTimeline.length, valence: signed(valence), arousal: signed(arousal) }),
    lines: [t('valence'), t('arousal')],
    range: [-1, 1],
    x: (value) => clock(value * 1000),
  })
  chart.show([seconds, vadTimeline.map((row) => row.valence), vadTimeline.map((row) => row.arousal)])
  const rows = emotionTimeline.map(({ relativeTime, emotion, confidence, source }, i) => {
    const vad = vadTimeline[i]
    return h(
      'tr',
      {},
      h('th', { scope: 'row' }, clock(relativeTime)),
      h('td', {}, emotionName(emotion)),
      h('td', {}, percent(confidence)),
      h('td', {}, vad === undefined ? '' : signed(vad.valence)),
      h('td', {}, vad === undefined ? '' : signed(vad.arousal)),
      h('td', {}, t(source === 'gemini' ? 'sourceGemini' : 'sourceLocal')),
    )
  })
  const heads = ['time', 'emotion', 'sureness', 'valence', 'arousal', 'source'] as const
  const table = h(
    'details',
    { class: 'table' },
    h('summary', {}, t('asTable')),
    h(
      'div',
      { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': t('course') },
      h(
        'table',
        {},
        h('thead', {}, h('tr', {}, ...heads.map((key) => h('th', { scope: 'col' }, t(key))))),
        h('tbody', {}, ...rows),
      ),
    ),
  )
  return {
    element: h('section', {}, h('h2', {}, t('course')), chart.element, table),
    close: () => chart.close(),
  }
}
