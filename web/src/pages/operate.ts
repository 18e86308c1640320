import { createBoard } from '../operate/board.ts'
import { hasToken, storeToken, fetchServerState } from '../operate/server-state.ts'
import { h } from '../ui/dom.ts'
import { field } from '../ui/fields.ts'
import { createNotice } from '../ui/notice.ts'
import type { OpenPage } from '../ui/page.ts'
import { language, t } from '../words/language.ts'

const POLL_INTERVAL_MS = 5000

export const openOperate: OpenPage = async () => {
  const board = await createBoard()
  const notice = createNotice('alert')
  const updated = h('p', { class: 'hint' })
  const body = h('div', {})
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOpen = true

  const refresh = async (): Promise<void> => {
    clearTimeout(timer)
    try {
      const state = await fetchServerState()
      if (!isOpen) return
      if (state.kind === 'denied') {
        body.replaceChildren(tokenForm)
        notice.show(hasToken() ? t('operateDenied') : '')
        return
      }
      if (body.firstChild !== board.element) body.replaceChildren(board.element)
      board.show(state)
      updated.textContent = t('updated', { time: new Date().toLocaleTimeString(language()) })
      notice.show('')
    } catch {
      if (isOpen) notice.show(t('unreachable'))
    }
    if (isOpen) timer = setTimeout(() => void refresh(), POLL_INTERVAL_MS)
  }

  const token = field(
    t('operateToken'),
    { type: 'password', autocomplete: 'off', required: true },
    t('operateTokenText'),
  )
  const tokenForm = h(
    'form',
    { class: 'card narrow' },
    token.element,
    h('button', { class: 'main' }, t('operateEnter')),
  )
  tokenForm.addEventListener('submit', (event) => {
    event.preventDefault()
    storeToken(token.input.value)
    void refresh()
  })

  void refresh()
  return {
    title: t('operate'),
    element: h(
      'div',
      { class: 'operate' },
      h('h1', {}, t('operate')),
      h('p', { class: 'lead' }, t('operateText')),
      updated,
      notice.element,
      body,
    ),
    close() {
      isOpen = false
      clearTimeout(timer)
      board.close()
    },
  }
}
