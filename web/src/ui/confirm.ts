import { t } from '../words/language.ts'
import { type Child, h } from './dom.ts'

type Question = {
  readonly title: string
  readonly text: string
  readonly action: string
  readonly more?: readonly Child[]
}

/** Asks for confirmation of a destructive action. */
export function confirm({ title, text, action, more = [] }: Question): Promise<boolean> {
  const dialog = h(
    'dialog',
    { 'aria-labelledby': 'question' },
    h(
      'form',
      { method: 'dialog' },
      h('h2', { id: 'question' }, title),
      h('p', {}, text),
      ...more,
      h(
        'div',
        { class: 'row' },
        h('button', { value: 'no', class: 'quiet', formnovalidate: true }, t('cancel')),
        h('button', { value: 'yes', class: 'danger' }, action),
      ),
    ),
  )
  document.body.append(dialog)
  dialog.showModal()
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove()
      resolve(dialog.returnValue === 'yes')
    })
  })
}
