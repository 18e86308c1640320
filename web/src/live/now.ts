import type { EmotionEvent } from '../../../client/index.ts'
import { h, vary } from '../ui/dom.ts'
import { emotionName, percent } from '../words/format.ts'
import { t } from '../words/language.ts'

/** The last answer, large. */
export function createNow() {
  const word = h('p', { class: 'word empty' }, t('firstWindow'))
  const sure = h('p', { class: 'sure' })
  const meter = h('span', { class: 'line', 'aria-hidden': 'true' })
  const facts = h('p', { class: 'facts' })
  return {
    element: h(
      'section',
      { class: 'now', 'aria-labelledby': 'now' },
      h('h2', { id: 'now' }, t('nowTitle')),
      h('div', { 'aria-live': 'polite', 'aria-atomic': 'true' }, word, sure, meter, facts),
    ),
    show({ emotion, confidence, uncertain, source, model, window }: EmotionEvent): void {
      word.className = uncertain ? 'word doubtful' : 'word'
      word.dataset['emotion'] = emotion
      word.dataset['window'] = String(window)
      word.textContent = emotionName(emotion)
      sure.replaceChildren(
        t('confidence', { value: percent(confidence) }),
        uncertain ? h('span', { class: 'tag' }, t('uncertain')) : '',
      )
      vary(meter, { '--share': confidence.toFixed(3) })
      const from = t(source === 'gemini' ? 'sourceGemini' : 'sourceLocal')
      facts.textContent = `${t('source')}: ${from} (${model})`
    },
  }
}
