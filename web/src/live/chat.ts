import type { Emotion, Session } from '../../../client/index.ts'
import { h } from '../ui/dom.ts'
import { createNotice } from '../ui/notice.ts'
import { faultOf } from '../words/faults.ts'
import { t } from '../words/language.ts'

const LONGEST = 2000
const MOST_LINES = 100

/** The counsellor: what was said, and the answer as it comes. */
export function createChat(session: Session, emotionNow: () => Emotion | null) {
  const log = h('ol', { class: 'talk', role: 'log', 'aria-label': t('chat'), tabindex: 0 })
  const notice = createNotice('status')
  const input = h('input', {
    name: 'message',
    maxlength: LONGEST,
    placeholder: t('chatHint'),
    'aria-label': t('chatHint'),
    autocomplete: 'off',
  })
  const form = h('form', { class: 'say' }, input, h('button', { class: 'quiet' }, t('chatSend')))
  let answer: HTMLElement | undefined

  const line = (who: string, text: string, kind: string) => {
    const words = h('p', {}, text)
    log.append(h('li', { class: kind }, h('span', { class: 'who' }, who), words))
    while (log.childElementCount > MOST_LINES) log.firstElementChild?.remove()
    log.scrollTop = log.scrollHeight
    return words
  }

  const send = () => {
    const message = input.value.trim()
    if (message === '') return
    if (!session.ask(message, emotionNow())) {
      notice.say(t('chatClosed'))
      return
    }
    notice.say('')
    line(t('chatYou'), message, 'mine')
    input.value = ''
  }

  // Enter may end a syllable and submit at once: what is cleared before the syllable has ended, it would write again.
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

  session.on('ai', (piece) => {
    if (piece.type === 'begin') answer = line(t('chatAi'), '', 'theirs')
    else if (piece.type === 'chunk') answer?.append(piece.chunk)
    else if (piece.type === 'complete') {
      if (answer === undefined) line(t('chatAi'), piece.fullResponse, 'theirs')
      else answer.textContent = piece.fullResponse
      answer = undefined
    } else {
      answer = undefined
      notice.say(faultOf(piece.code, piece.message))
    }
    log.scrollTop = log.scrollHeight
  })

  return h('details', { class: 'chat' }, h('summary', {}, t('chat')), log, form, notice.element)
}
