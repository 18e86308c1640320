import { h } from '../ui/dom.ts'
import { attempt, createNotice } from '../ui/notice.ts'
import { t } from '../words/language.ts'
import type { FaceSource, SourceState } from './source.ts'

/** What is wrong with camera, face model or recording, and the button that tries it again. */
export function createSourceFault(source: FaceSource) {
  const notice = createNotice('alert')
  const again = h('button', { type: 'button', class: 'quiet' }, t('retry'))
  const element = h('div', { class: 'fault', hidden: true }, notice.element, again)
  again.addEventListener('click', () => void attempt(again, notice, () => source.start()))
  return {
    element,
    show({ camera, fault }: SourceState): void {
      element.hidden = fault === null
      again.hidden = camera === 'interrupted' // it goes on by itself
      notice.say(fault === null ? '' : t(fault))
    },
  }
}
