import { h } from '../ui/dom.ts'
import { clock } from '../words/format.ts'
import { t } from '../words/language.ts'

/** The header of a live session: its age, whether it is connected, and its controls. */
export function createStatusBar(controls: HTMLElement) {
  const elapsed = h('span', { class: 'clock', role: 'timer', 'aria-live': 'off' })
  const connection = h('p', { class: 'connection', role: 'status' }, t('connecting'))
  return {
    element: h('header', { class: 'status-bar' }, h('h1', {}, t('session')), elapsed, connection, controls),
    showAge(ageMs: number): void {
      elapsed.textContent = clock(ageMs)
    },
    showConnection(text: string, state: 'good' | 'waiting' | 'ended'): void {
      connection.textContent = text
      connection.dataset['state'] = state
    },
  }
}
