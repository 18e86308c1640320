import type { EmotionEvent } from '../../../client/index.ts'
import { h, setVariables } from '../ui/dom.ts'
import { emotionName, percent } from '../words/format.ts'
import { t } from '../words/language.ts'

type Shown = Pick<EmotionEvent, 'window' | 'emotion' | 'confidence' | 'uncertain' | 'source'>

/** One column for each answered window, and one for the open window, which fills over time. */
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
    /** Adds a window; a later revision replaces the first. */
    add(window: Shown): void {
      const element = createColumn(window)
      const before = shown.get(window.window)
      if (before === undefined) open.before(element)
      else before.replaceWith(element)
      shown.set(window.window, element)
      list.scrollLeft = list.scrollWidth
    },
    /** Sets the elapsed share of the open window, 0 to 1. */
    fill(share: number): void {
      setVariables(open, { '--share': Math.min(1, Math.max(0, share)).toFixed(3) })
    },
    close: () => open.remove(),
  }
}

export function createColumn({ window, emotion, confidence, uncertain, source }: Shown): HTMLElement {
  const name = emotionName(emotion)
  const from = t(source === 'gemini' ? 'sourceGemini' : 'sourceLocal')
  const label = t('windowLabel', { n: window, emotion: name, confidence: percent(confidence), source: from })
  const element = h(
    'li',
    { class: uncertain ? 'uncertain' : 'sure', 'data-window': window, 'data-emotion': emotion },
    h('span', { class: 'column', 'aria-hidden': 'true' }, h('span', { class: 'fill' })),
    h('span', { class: 'name', 'aria-hidden': 'true' }, name),
    h('span', { class: 'from', 'aria-hidden': 'true' }, source === 'gemini' ? 'G' : ''),
    h('span', { class: 'visually-hidden' }, uncertain ? `${label}, ${t('uncertain')}` : label),
  )
  return setVariables(element, { '--share': confidence.toFixed(3) })
}
