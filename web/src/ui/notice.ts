import { MaeumError } from '../../../client/index.ts'
import { getErrorText } from '../words/faults.ts'
import { t } from '../words/language.ts'
import { h } from './dom.ts'

/** User-facing text for an error. */
export const toErrorText = (error: unknown): string =>
  error instanceof MaeumError ? getErrorText(error.code, error.message) : t('failed')

export const createFailure = (error: unknown, retry: () => void): HTMLElement =>
  h(
    'section',
    { class: 'narrow' },
    h('h1', {}, t('failed')),
    h('p', { role: 'alert' }, toErrorText(error)),
    h('p', {}, h('button', { type: 'button', class: 'main', onclick: retry }, t('retry'))),
  )

/** A live region for messages; hidden while it is empty. */
export function createNotice(kind: 'alert' | 'status' = 'status') {
  const element = h('p', { class: `notice ${kind}`, role: kind })
  return {
    element,
    show(text: string): void {
      element.textContent = text
    },
  }
}

export type Notice = ReturnType<typeof createNotice>

/** Runs an action; its button is disabled meanwhile, and an error is shown. */
export async function runAction(
  button: HTMLButtonElement,
  notice: Notice,
  work: () => Promise<void>,
): Promise<void> {
  if (button.getAttribute('aria-disabled') === 'true') return
  button.setAttribute('aria-disabled', 'true') // not `disabled`, which would remove the focus
  notice.show('')
  try {
    await work()
  } catch (error) {
    notice.show(toErrorText(error))
  } finally {
    button.removeAttribute('aria-disabled')
  }
}
