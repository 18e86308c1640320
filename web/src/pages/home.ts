import { BASE } from '../base.ts'
import { h, setVariables } from '../ui/dom.ts'
import type { Context, OpenPage } from '../ui/page.ts'
import { dateTime, signed } from '../words/format.ts'
import { t, type TextKey } from '../words/language.ts'

type Dashboard = Awaited<ReturnType<typeof fetchDashboard>>
const fetchDashboard = (client: Context['client']) => client.call('GET /api/dashboard/summary')

const AXES = ['valence', 'arousal', 'dominance'] as const satisfies readonly TextKey[]

/** The averages of today, each from -1 to 1. */
function createToday({ todayAvg, trend }: Dashboard): HTMLElement {
  const rows = AXES.flatMap((axis) => {
    const value = todayAvg[axis]
    if (value === null) return []
    const change = trend.dayOverDay[axis]
    return h(
      'div',
      { class: 'axis' },
      h('dt', {}, t(axis)),
      h(
        'dd',
        {},
        h('b', {}, signed(value)),
        setVariables(h('span', { class: 'track', 'aria-hidden': 'true' }, h('span', { class: 'bar' })), {
          '--value': value,
        }),
        change !== null && change !== 0 && h('small', {}, t('sinceYesterday', { change: signed(change) })),
      ),
    )
  })
  return h(
    'section',
    {},
    h('h2', {}, t('today')),
    rows.length === 0 ? h('p', { class: 'quiet-text' }, t('todayNone')) : h('dl', { class: 'axes' }, ...rows),
  )
}

export const openHome: OpenPage = async ({ client }) => {
  const [{ user }, dashboard] = await Promise.all([client.call('GET /api/auth/me'), fetchDashboard(client)])
  const suggestions = dashboard.recommendations.map(({ title, desc }) =>
    h('li', {}, h('h3', {}, title), h('p', {}, desc)),
  )
  const recent = dashboard.recentSessions.map(({ sessionId, createdAt, vadScore }) =>
    h(
      'li',
      {},
      h('a', { href: `${BASE}/report#${sessionId}` }, dateTime(createdAt)),
      vadScore !== undefined && h('span', { class: 'figure' }, `${t('valence')} ${signed(vadScore)}`),
    ),
  )
  const element = h(
    'div',
    { class: 'home' },
    h(
      'section',
      { class: 'hero' },
      h('h1', { class: 'display' }, t('hello', { name: user.username })),
      h(
        'div',
        { class: 'row' },
        h('a', { class: 'main', href: `${BASE}/session` }, t('startCamera')),
        h('a', { class: 'quiet', href: `${BASE}/session#recording` }, t('startRecording')),
      ),
      h('p', { class: 'hint' }, t('startHint')),
    ),
    createToday(dashboard),
    h(
      'section',
      {},
      h('h2', {}, t('recent')),
      recent.length === 0
        ? h('p', { class: 'quiet-text' }, t('recentNone'))
        : h('ul', { class: 'lines' }, ...recent),
    ),
    suggestions.length > 0 &&
      h('section', {}, h('h2', {}, t('suggestions')), h('ul', { class: 'suggestions' }, ...suggestions)),
  )
  return { title: t('home'), element }
}
