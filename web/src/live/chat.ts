import type { Emotion, Session } from '../../../client/index.ts'
import { h } from '../ui/dom.ts'
import { createNotice } from '../ui/notice.ts'
import { getErrorText } from '../words/faults.ts'
import { t } from '../words/language.ts'

const MAX_MESSAGE_LENGTH = 2000
const MAX_LINES = 100

/** The chat with the AI counsellor; answers are shown while they stream. */
export function createChat(session: Session, currentEmotion: () => Emotion | null) {
  const log = h('ol', { class: 'messages', role: 'log', 'aria-label': t('chat'), tabindex: 0 })
  const notice = createNotice('status')
  const input = h('input', {
    name: 'message',
    maxlength: MAX_MESSAGE_LENGTH,
    placeholder: t('chatHint'),
    'aria-label': t('chatHint'),
    autocomplete: 'off',
  })
  const form = h('form', { class: 'message-form' }, input, h('button', { class: 'quiet' }, t('chatSend')))
  let answer: HTMLElement | undefined

  const addLine = (sender: string, text: string, kind: string) => {
    const paragraph = h('p', {}, text)
    log.append(h('li', { class: kind }, h('span', { class: 'sender' }, sender), paragraph))
    while (log.childElementCount > MAX_LINES) log.firstElementChild?.remove()
    log.scrollTop = log.scrollHeight
    return paragraph
  }

  const send = () => {
    const message = input.value.trim()
    if (message === '') return
    if (!session.ask(message, currentEmotion())) {
      notice.show(t('chatClosed'))
      return
    }
    notice.show('')
    addLine(t('chatYou'), message, 'mine')
    input.value = ''
  }

  // With an IME, Enter may end the composition and submit at once: an input cleared before `compositionend` is refilled.
  let isComposing = false
  let isSubmitted = false
  input.addEventListener('compositionstart', () => {
    isComposing = true
  })
  input.addEventListener('compositionend', () => {
    isComposing = false
    if (isSubmitted) setTimeout(send)
    isSubmitted = false
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    if (isComposing) isSubmitted = true
    else send()
  })

  session.on('ai', (event) => {
    if (event.type === 'begin') answer = addLine(t('chatAi'), '', 'theirs')
    else if (event.type === 'chunk') answer?.append(event.chunk)
    else if (event.type === 'complete') {
      if (answer === undefined) addLine(t('chatAi'), event.fullResponse, 'theirs')
      else answer.textContent = event.fullResponse
      answer = undefined
    } else {
      answer = undefined
      notice.show(getErrorText(event.code, event.message))
    }
    log.scrollTop = log.scrollHeight
  })

  return h('details', { class: 'chat' }, h('summary', {}, t('chat')), log, form, notice.element)
}
