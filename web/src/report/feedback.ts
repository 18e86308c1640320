import type { Client } from '../../../client/index.ts'
import { h } from '../ui/dom.ts'
import { field } from '../ui/fields.ts'
import { runAction, createNotice } from '../ui/notice.ts'
import { t } from '../words/language.ts'

const RATINGS = [1, 2, 3, 4, 5]

/** Form for rating the session. */
export function createFeedbackForm(client: Client, sessionId: string): HTMLElement {
  const notice = createNotice('status')
  const note = field(t('note'), { name: 'note', maxlength: 2000, autocomplete: 'off' })
  const send = h('button', { class: 'quiet' }, t('sendFeedback'))
  const stars = RATINGS.map((n) =>
    h(
      'label',
      {},
      h('input', {
        type: 'radio',
        name: 'rating',
        value: n,
        required: true,
        'aria-label': t('ratingOf', { n }),
      }),
      h('span', { 'aria-hidden': 'true' }, String(n)),
    ),
  )
  const form = h(
    'form',
    { class: 'feedback' },
    h('fieldset', {}, h('legend', {}, t('rating')), ...stars),
    note.element,
    send,
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void runAction(send, notice, async () => {
      const rating = Number(new FormData(form).get('rating'))
      await client.call('POST /api/session/:id/feedback', {
        params: { id: sessionId },
        body: { rating, note: note.input.value },
      })
      form.remove()
      notice.show(t('thanks'))
    })
  })
  return h('section', {}, h('h2', {}, t('rateTitle')), form, notice.element)
}
