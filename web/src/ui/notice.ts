import { MaeumError } from '../../../client/index.ts'
import { faultOf } from '../words/faults.ts'
import { t } from '../words/language.ts'
import { h } from './dom.ts'

/** What went wrong, in words for a person. */
export const sentenceOf = (error: unknown): string =>
  error instanceof MaeumError ? faultOf(error.code, error.message) : t('failed')

export const failure = (error: unknown, again: () => void): HTMLElement =>
  h(
    'section',
    { class: 'narrow' },
    h('h1', {}, t('failed')),
    h('p', { role: 'alert' }, sentenceOf(error)),
    h('p', {}, h('button', { type: 'button', class: 'main', onclick: again }, t('retry'))),
  )

/** A line that is read out when it changes, and takes no room while it is empty. */
export function createNotice(kind: 'alert' | 'status' = 'status') {
  const element = h('p', { class: `notice ${kind}`, role: kind })
  return {
    element,
    say(text: string): void {
      element.textContent = text
    },
  }
}

export type Notice = ReturnType<typeof createNotice>

/** Runs what somebody asked for: the button waits meanwhile, and a failure is said. */
export async function attempt(
  button: HTMLButtonElement,
  notice: Notice,
  work: () => Promise<void>,
): Promise<void> {
  if (button.getAttribute('aria-disabled') === 'true') return
  button.setAttribute('aria-disabled', 'true') // not `disabled`, which would take the focus away
  notice.say('')
  try {
    await work()
  } catch (error) {
    notice.say(sentenceOf(error))
  } finally {
    button.removeAttribute('aria-disabled')
  }
}
