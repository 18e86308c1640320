import { createBoard } from '../operate/board.ts'
import { hasToken, keepToken, lookAtServer } from '../operate/look.ts'
import { h } from '../ui/dom.ts'
import { field } from '../ui/fields.ts'
import { createNotice } from '../ui/notice.ts'
import type { OpenPage } from '../ui/page.ts'
import { language, t } from '../words/language.ts'

const EVERY_MS = 5000

export const openOperate: OpenPage = async () => {
  const board = await createBoard()
  const notice = createNotice('alert')
  const updated = h('p', { class: 'hint' })
  const body = h('div', {})
  let timer: ReturnType<typeof setTimeout> | undefined
  let isOpen = true

  const look = async (): Promise<void> => {
    clearTimeout(timer)
    try {
      const seen = await lookAtServer()
      if (!isOpen) return
      if (seen.kind === 'denied') {
        body.replaceChildren(door)
        notice.say(hasToken() ? t('operateDenied') : '')
        return
      }
      if (body.firstChild !== board.element) body.replaceChildren(board.element)
      board.show(seen.samples, seen.checks)
      updated.textContent = t('updated', { time: new Date().toLocaleTimeString(language()) })
      notice.say('')
    } catch {
      if (isOpen) notice.say(t('unreachable'))
    }
    if (isOpen) timer = setTimeout(() => void look(), EVERY_MS)
  }

  const token = field(
    t('operateToken'),
    { type: 'password', autocomplete: 'off', required: true },
    t('operateTokenText'),
  )
  const door = h(
    'form',
    { class: 'card narrow' },
    token.element,
    h('button', { class: 'main' }, t('operateEnter')),
  )
  door.addEventListener('submit', (event) => {
    event.preventDefault()
    keepToken(token.input.value)
    void look()
  })

  void look()
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
