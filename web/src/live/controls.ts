import type { Session } from '../../../client/index.ts'
import { h } from '../ui/dom.ts'
import { attempt, type Notice } from '../ui/notice.ts'
import { t } from '../words/language.ts'

/** Pause, go on, end. */
export function createControls({ session, notice }: { readonly session: Session; readonly notice: Notice }) {
  const hold = h('button', { type: 'button', class: 'quiet' }, t('pause'))
  const end = h('button', { type: 'button', class: 'main' }, t('end'))
  const element = h('div', { class: 'row controls' }, hold, end)
  let isPaused = false

  hold.addEventListener('click', () => {
    void attempt(hold, notice, async () => {
      await (isPaused ? session.resume() : session.pause())
    })
  })
  end.addEventListener('click', () => {
    void attempt(end, notice, async () => {
      await session.end()
      end.textContent = t('ending')
    })
  })
  return {
    element,
    status(paused: boolean): void {
      isPaused = paused
      hold.textContent = t(paused ? 'resume' : 'pause')
    },
    /** There is only one thing left to do. */
    offer(text: string, action: () => void): void {
      element.replaceChildren(h('button', { type: 'button', class: 'main', onclick: action }, text))
    },
  }
}
