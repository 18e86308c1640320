import type { EmotionEvent } from '../../../client/index.ts'
import { h, setVariables } from '../ui/dom.ts'
import { emotionName, percent } from '../words/format.ts'
import { t } from '../words/language.ts'

/** The latest answer. */
export function createNow() {
  const label = h('p', { class: 'word empty' }, t('firstWindow'))
  const certainty = h('p', { class: 'sure' })
  const meter = h('span', { class: 'line', 'aria-hidden': 'true' })
  const facts = h('p', { class: 'facts' })
  return {
    element: h(
      'section',
      { class: 'now', 'aria-labelledby': 'now' },
      h('h2', { id: 'now' }, t('nowTitle')),
      h('div', { 'aria-live': 'polite', 'aria-atomic': 'true' }, label, certainty, meter, facts),
    ),
    show({ emotion, confidence, uncertain, source, model, window }: EmotionEvent): void {
      label.className = uncertain ? 'word doubtful' : 'word'
      label.dataset['emotion'] = emotion
      label.dataset['window'] = String(window)
      label.textContent = emotionName(emotion)
      certainty.replaceChildren(
        t('confidence', { value: percent(confidence) }),
        uncertain ? h('span', { class: 'tag' }, t('uncertain')) : '',
      )
      setVariables(meter, { '--share': confidence.toFixed(3) })
      const from = t(source === 'gemini' ? 'sourceGemini' : 'sourceLocal')
      facts.textContent = `${t('source')}: ${from} (${model})`
    },
  }
}
