import { h } from '../ui/dom.ts'
import { runAction, createNotice } from '../ui/notice.ts'
import { t } from '../words/language.ts'
import type { FaceSource, SourceState } from './source.ts'

/** Shows the error of the camera, the face model or the recording, with a retry button. */
export function createSourceFault(source: FaceSource) {
  const notice = createNotice('alert')
  const retry = h('button', { type: 'button', class: 'quiet' }, t('retry'))
  const element = h('div', { class: 'fault', hidden: true }, notice.element, retry)
  retry.addEventListener('click', () => void runAction(retry, notice, () => source.start()))
  return {
    element,
    show({ camera, fault }: SourceState): void {
      element.hidden = fault === null
      retry.hidden = camera === 'interrupted' // it resumes without the user
      notice.show(fault === null ? '' : t(fault))
    },
  }
}
