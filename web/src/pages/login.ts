import { consentState } from '../consent.ts'
import { applyPreferences } from '../preferences.ts'
import { BASE } from '../base.ts'
import { h } from '../ui/dom.ts'
import { field } from '../ui/fields.ts'
import { attempt, createNotice } from '../ui/notice.ts'
import type { Context, OpenPage, Page } from '../ui/page.ts'
import { t } from '../words/language.ts'

type Form = {
  readonly title: string
  readonly fields: readonly ReturnType<typeof field>[]
  readonly submit: () => Promise<unknown>
  readonly other: HTMLElement
}

function page({ client, go }: Context, { title, fields, submit, other }: Form): Page {
  const notice = createNotice('alert')
  const button = h('button', { type: 'submit', class: 'main wide' }, title)
  const enter = async () => {
    await submit()
    const [consent] = await Promise.all([consentState(client), applyPreferences(client)])
    go(consent === 'given' ? '/' : '/consent')
  }
  const form = h('form', {}, ...fields.map(({ element }) => element), notice.element, button)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void attempt(button, notice, enter)
  })
  const element = h(
    'div',
    { class: 'door' },
    h(
      'section',
      { class: 'promise' },
      h('p', { class: 'display' }, t('welcome')),
      h('p', { class: 'lead' }, t('welcomeText')),
    ),
    h('section', { class: 'card' }, h('h1', {}, title), form, h('p', { class: 'other' }, other)),
  )
  return { title, element }
}

const emailField = () =>
  field(t('email'), {
    type: 'email',
    name: 'email',
    required: true,
    autocomplete: 'username',
    maxlength: 100,
  })

export const openLogin: OpenPage = (context) => {
  const email = emailField()
  const password = field(t('password'), {
    type: 'password',
    name: 'password',
    required: true,
    autocomplete: 'current-password',
  })
  return page(context, {
    title: t('logIn'),
    fields: [email, password],
    submit: () => context.client.login({ email: email.input.value, password: password.input.value }),
    other: h('a', { href: `${BASE}/signup` }, t('toSignUp')),
  })
}

export const openSignup: OpenPage = (context) => {
  const username = field(t('username'), {
    name: 'username',
    required: true,
    minlength: 2,
    maxlength: 50,
    autocomplete: 'nickname',
  })
  const email = emailField()
  const password = field(
    t('password'),
    {
      type: 'password',
      name: 'password',
      required: true,
      minlength: 8,
      maxlength: 128,
      autocomplete: 'new-password',
    },
    t('passwordHint'),
  )
  return page(context, {
    title: t('signUp'),
    fields: [username, email, password],
    submit: () =>
      context.client.signup({
        username: username.input.value,
        email: email.input.value,
        password: password.input.value,
      }),
    other: h('a', { href: `${BASE}/login` }, t('toLogIn')),
  })
}
