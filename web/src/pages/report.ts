import { createColumn } from '../live/timeline.ts'
import { createCourse } from '../report/course.ts'
import { createCrisisSection } from '../report/crisis.ts'
import { createFeedbackForm } from '../report/feedback.ts'
import { h, setVariables } from '../ui/dom.ts'
import { download } from '../ui/download.ts'
import { createNotice } from '../ui/notice.ts'
import type { Context, OpenPage } from '../ui/page.ts'
import { dateTime, duration, emotionName, percent } from '../words/format.ts'
import { language, t, type TextKey } from '../words/language.ts'

const fetchReport = ({ client }: Context, id: string) =>
  client.call('GET /api/session/:id/report', { params: { id } })
export type Report = Awaited<ReturnType<typeof fetchReport>>

export const openReport: OpenPage = async (context) => {
  const id = context.fragment
  const report = await fetchReport(context, id)
  const { metadata, analysis } = report
  const summary = analysis.emotionSummary
  const course = report.vadTimeline.length > 0 ? await createCourse(report) : undefined
  const observations = analysis.overallAssessment.keyObservations
  const element = h(
    'article',
    { class: 'report' },
    h(
      'header',
      {},
      h(
        'p',
        { class: 'eyebrow' },
        `${t('report')} · ${dateTime(metadata.startedAt)} · ${duration(metadata.duration)}`,
      ),
      summary === null
        ? h('h1', {}, t('report'))
        : h('h1', { class: 'display' }, emotionName(summary.primaryEmotion.emotion)),
      summary === null
        ? h('p', { class: 'lead' }, t('reportEmpty'))
        : h('p', { class: 'lead' }, `${t('mostSeen')}, ${summary.primaryEmotion.percentage}%`),
      createDownloads(context, id),
    ),
    createCrisisSection(report),
    observations.length > 0 &&
      h(
        'section',
        {},
        h('h2', {}, t('observations')),
        h('ul', { class: 'plain-list' }, ...observations.map((text) => h('li', {}, text))),
      ),
    course?.element,
    report.emotionTimeline.length > 0 && createShares(report),
    report.emotionTimeline.length > 0 && createWindows(report),
    createThoughts(report),
    analysis.recommendations.length > 0 &&
      h(
        'section',
        {},
        h('h2', {}, t('recommendations')),
        h(
          'ul',
          { class: 'suggestions' },
          ...analysis.recommendations.map(({ title, description }) =>
            h('li', {}, h('h3', {}, title), h('p', {}, description)),
          ),
        ),
      ),
    createFacts(report),
    createFeedbackForm(context.client, id),
  )
  return { title: t('report'), element, close: () => course?.close() }
}

function createDownloads({ client }: Context, id: string): HTMLElement {
  const notice = createNotice('alert')
  const path = `/api/session/${encodeURIComponent(id)}/report`
  const button = (key: TextKey, address: string, name: string, kind: string) => {
    const element = h('button', { type: 'button', class: kind }, t(key))
    element.addEventListener('click', () => {
      notice.show('')
      download(client, address, name).catch(() => notice.show(t('downloadFailed')))
    })
    return element
  }
  return h(
    'div',
    { class: 'files' },
    h(
      'div',
      { class: 'row' },
      button('downloadPdf', `${path}/pdf?language=${language()}`, 'maeum-report.pdf', 'main'),
      button('downloadEmotionCsv', `${path}/csv?kind=emotion`, 'maeum-emotion.csv', 'quiet'),
      button('downloadVadCsv', `${path}/csv?kind=vad`, 'maeum-vad.csv', 'quiet'),
    ),
    notice.element,
  )
}

/** The share of each expression. */
function createShares({ emotionTimeline }: Report): HTMLElement {
  const counts = new Map<Report['emotionTimeline'][number]['emotion'], number>()
  for (const { emotion } of emotionTimeline) counts.set(emotion, (counts.get(emotion) ?? 0) + 1)
  const rows = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([emotion, count]) => {
      const share = count / emotionTimeline.length
      const bar = setVariables(h('span', { class: 'share', 'aria-hidden': 'true' }), { '--share': share })
      return h(
        'div',
        {},
        h('dt', {}, emotionName(emotion)),
        h('dd', {}, bar, h('span', { class: 'figure' }, percent(share))),
      )
    })
  return h('section', {}, h('h2', {}, t('distribution')), h('dl', { class: 'shares' }, ...rows))
}

function createWindows({ emotionTimeline }: Report): HTMLElement {
  return h(
    'section',
    { class: 'timeline' },
    h('h2', { id: 'windows' }, t('windows')),
    h(
      'ol',
      { class: 'windows', role: 'list', tabindex: 0, 'aria-labelledby': 'windows' },
      ...emotionTimeline.map(createColumn),
    ),
  )
}

function createThoughts({ analysis }: Report): HTMLElement | false {
  const { distortions } = analysis.cbtSummary
  if (distortions.length === 0) return false
  const rows = distortions.map(({ name_ko, name_en, count }) =>
    h(
      'li',
      {},
      h('span', {}, language() === 'ko' ? name_ko : name_en),
      h('span', { class: 'figure' }, String(count)),
    ),
  )
  return h('section', {}, h('h2', {}, t('thoughts')), h('ul', { class: 'lines' }, ...rows))
}

function createFacts({ metadata, statistics, provenance }: Report): HTMLElement {
  const fact = (key: TextKey, text: string) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, text))
  const { gemini, local } = provenance.windows
  return h(
    'dl',
    { class: 'facts-row' },
    fact('howLong', duration(metadata.duration)),
    fact('windows', String(statistics.windows)),
    fact('howSure', percent(statistics.averageConfidence)),
    fact('analysedBy', t('analysedByText', { local, gemini })),
  )
}
