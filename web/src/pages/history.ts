import { BASE } from '../base.ts'
import { confirm } from '../ui/confirm.ts'
import { h } from '../ui/dom.ts'
import { runAction, createNotice, toErrorText } from '../ui/notice.ts'
import type { Context, OpenPage } from '../ui/page.ts'
import { dateTime, duration, emotionName } from '../words/format.ts'
import { t, type TextKey } from '../words/language.ts'

const fetchStatistics = ({ client }: Context) => client.call('GET /api/session/stats/summary')
const fetchSessions = ({ client }: Context, cursor?: string) =>
  client.call('GET /api/session', { query: cursor === undefined ? {} : { cursor } })
type Statistics = Awaited<ReturnType<typeof fetchStatistics>>
type Page = Awaited<ReturnType<typeof fetchSessions>>
type Line = Page['sessions'][number]

const STATUS = {
  active: 'statusActive',
  paused: 'statusPaused',
  ended: 'statusEnded',
} as const satisfies Record<Line['status'], TextKey>

export const openHistory: OpenPage = async (context) => {
  const { client } = context
  const notice = createNotice('status')
  const totals = h('dl', { class: 'facts-row' })
  const list = h('ul', { class: 'lines sessions' })
  const olderSection = h('div', {})

  const remove = async (line: Line) => {
    const when = dateTime(line.startedAt)
    const isConfirmed = await confirm({
      title: t('removeSession'),
      text: t('removeSessionText', { when }),
      action: t('remove'),
    })
    if (!isConfirmed) return
    try {
      await client.call('DELETE /api/session/:id', { params: { id: line.id } })
      await showAll()
    } catch (error) {
      notice.show(toErrorText(error))
    }
  }

  const row = (line: Line) => {
    const when = dateTime(line.startedAt)
    const state =
      line.status === 'ended'
        ? line.dominantEmotion === null
          ? t('noReading')
          : emotionName(line.dominantEmotion)
        : t(STATUS[line.status])
    return h(
      'li',
      {},
      h('a', { href: `${BASE}/report#${line.id}` }, when),
      h('span', {}, state),
      h('span', { class: 'figure' }, duration(line.durationMs)),
      h(
        'button',
        {
          type: 'button',
          class: 'plain',
          'aria-label': `${t('remove')}: ${when}`,
          onclick: () => void remove(line),
        },
        t('remove'),
      ),
    )
  }

  const showTotals = ({ total, active, paused, avgDuration }: Statistics) => {
    const fact = (key: TextKey, text: string) => h('div', {}, h('dt', {}, t(key)), h('dd', {}, text))
    totals.replaceChildren(
      fact('total', String(total)),
      fact('stillOpen', String(active + paused)),
      fact('averageLength', duration(avgDuration)),
    )
  }

  /** Appends a page of sessions. */
  const add = ({ sessions, nextCursor }: Page) => {
    list.append(...sessions.map(row))
    if (list.childElementCount === 0) list.append(h('li', { class: 'quiet-text' }, t('recentNone')))
    olderSection.replaceChildren(...(nextCursor === null ? [] : [olderButton(nextCursor)]))
  }

  const olderButton = (cursor: string) => {
    const button = h('button', { type: 'button', class: 'quiet' }, t('older'))
    button.addEventListener(
      'click',
      () =>
        void runAction(button, notice, async () => {
          add(await fetchSessions(context, cursor))
        }),
    )
    return button
  }

  const showAll = async () => {
    const [statistics, newest] = await Promise.all([fetchStatistics(context), fetchSessions(context)])
    showTotals(statistics)
    list.replaceChildren()
    add(newest)
  }

  await showAll()
  const element = h(
    'div',
    { class: 'medium' },
    h('h1', {}, t('history')),
    h('p', { class: 'lead' }, t('historyText')),
    totals,
    list,
    olderSection,
    notice.element,
  )
  return { title: t('history'), element }
}
