import type { Session } from '../../../client/index.ts'
import { h } from '../ui/dom.ts'
import { runAction, type Notice } from '../ui/notice.ts'
import { t } from '../words/language.ts'

/** Buttons: pause or resume, end. */
export function createControls({ session, notice }: { readonly session: Session; readonly notice: Notice }) {
  const pause = h('button', { type: 'button', class: 'quiet' }, t('pause'))
  const end = h('button', { type: 'button', class: 'main' }, t('end'))
  const element = h('div', { class: 'row controls' }, pause, end)
  let isPaused = false

  pause.addEventListener('click', () => {
    void runAction(pause, notice, async () => {
      await (isPaused ? session.resume() : session.pause())
    })
  })
  end.addEventListener('click', () => {
    void runAction(end, notice, async () => {
      await session.end()
      end.textContent = t('ending')
    })
  })
  return {
    element,
    setPaused(paused: boolean): void {
      isPaused = paused
      pause.textContent = t(paused ? 'resume' : 'pause')
    },
    /** Replaces the buttons by a single one. */
    showOnly(text: string, action: () => void): void {
      element.replaceChildren(h('button', { type: 'button', class: 'main', onclick: action }, text))
    },
  }
}
