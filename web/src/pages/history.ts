import { BASE } from '../base.ts'
import { ask } from '../ui/ask.ts'
import { h } from '../ui/dom.ts'
import { attempt, createNotice, sentenceOf } from '../ui/notice.ts'
import type { Context, OpenPage } from '../ui/page.ts'
import { dateTime, duration, emotionName } from '../words/format.ts'
import { t, type Word } from '../words/language.ts'

const askStatistics = ({ client }: Context) => client.call('GET /api/session/stats/summary')
const askSessions = ({ client }: Context, cursor?: string) =>
  client.call('GET /api/session', { query: cursor === undefined ? {} : { cursor } })
type Statistics = Awaited<ReturnType<typeof askStatistics>>
type Page = Awaited<ReturnType<typeof askSessions>>
type Line = Page['sessions'][number]

const STATUS = {
  active: 'statusActive',
  paused: 'statusPaused',
  ended: 'statusEnded',
} as const satisfies Record<Line['status'], Word>

export const openHistory: OpenPage = async (context) => {
  const { client } = context
  const notice = createNotice('status')
  const totals = h('dl', { class: 'facts-row' })
  const list = h('ul', { class: 'lines sessions' })
  const older = h('div', {})

  const remove = async (line: Line) => {
    const when = dateTime(line.startedAt)
    const isMeant = await ask({
      title: t('removeSession'),
      text: t('removeSessionText', { when }),
      action: t('remove'),
    })
    if (!isMeant) return
    try {
      await client.call('DELETE /api/session/:id', { params: { id: line.id } })
      await showAll()
    } catch (error) {
      notice.say(sentenceOf(error))
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
    const fact = (word: Word, text: string) => h('div', {}, h('dt', {}, t(word)), h('dd', {}, text))
    totals.replaceChildren(
      fact('total', String(total)),
      fact('stillOpen', String(active + paused)),
      fact('averageLength', duration(avgDuration)),
    )
  }

  /** The page after what is there already. */
  const add = ({ sessions, nextCursor }: Page) => {
    list.append(...sessions.map(row))
    if (list.childElementCount === 0) list.append(h('li', { class: 'quiet-text' }, t('recentNone')))
    older.replaceChildren(...(nextCursor === null ? [] : [olderButton(nextCursor)]))
  }

  const olderButton = (cursor: string) => {
    const button = h('button', { type: 'button', class: 'quiet' }, t('older'))
    button.addEventListener(
      'click',
      () =>
        void attempt(button, notice, async () => {
          add(await askSessions(context, cursor))
        }),
    )
    return button
  }

  const showAll = async () => {
    const [statistics, newest] = await Promise.all([askStatistics(context), askSessions(context)])
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
    older,
    notice.element,
  )
  return { title: t('history'), element }
}
