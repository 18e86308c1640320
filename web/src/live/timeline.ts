import type { EmotionEvent } from '../../../client/index.ts'
import { h, vary } from '../ui/dom.ts'
import { emotionName, percent } from '../words/format.ts'
import { t } from '../words/language.ts'

type Shown = Pick<EmotionEvent, 'window' | 'emotion' | 'confidence' | 'uncertain' | 'source'>

/** One column for each answered window, and the open one, which fills. */
export function createTimeline(intervalMs: number) {
  const open = h(
    'li',
    { class: 'open', 'aria-hidden': 'true' },
    h('span', { class: 'column' }, h('span', { class: 'fill' })),
    h('span', { class: 'name' }, t('windowOpen')),
  )
  const list = h('ol', { class: 'windows', tabindex: 0, role: 'list', 'aria-labelledby': 'timeline' }, open)
  const shown = new Map<number, HTMLElement>()
  return {
    element: h(
      'section',
      { class: 'timeline' },
      h(
        'h2',
        { id: 'timeline' },
        t('timeline'),
        h('small', {}, t('timelineEvery', { n: Math.round(intervalMs / 100) / 10 })),
      ),
      list,
    ),
    /** A later revision of a window takes the place of the first. */
    add(window: Shown): void {
      const element = column(window)
      const before = shown.get(window.window)
      if (before === undefined) open.before(element)
      else before.replaceWith(element)
      shown.set(window.window, element)
      list.scrollLeft = list.scrollWidth
    },
    /** How far the open window is, 0 to 1. */
    fill(share: number): void {
      vary(open, { '--share': Math.min(1, Math.max(0, share)).toFixed(3) })
    },
    close: () => open.remove(),
  }
}

export function column({ window, emotion, confidence, uncertain, source }: Shown): HTMLElement {
  const name = emotionName(emotion)
  const from = t(source === 'gemini' ? 'sourceGemini' : 'sourceLocal')
  const said = t('windowLabel', { n: window, emotion: name, confidence: percent(confidence), source: from })
  const element = h(
    'li',
    { class: uncertain ? 'uncertain' : 'sure', 'data-window': window, 'data-emotion': emotion },
    h('span', { class: 'column', 'aria-hidden': 'true' }, h('span', { class: 'fill' })),
    h('span', { class: 'name', 'aria-hidden': 'true' }, name),
    h('span', { class: 'from', 'aria-hidden': 'true' }, source === 'gemini' ? 'G' : ''),
    h('span', { class: 'unseen' }, uncertain ? `${said}, ${t('uncertain')}` : said),
  )
  return vary(element, { '--share': confidence.toFixed(3) })
}
