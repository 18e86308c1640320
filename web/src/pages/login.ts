import { getConsentState } from '../consent.ts'
import { applyPreferences } from '../preferences.ts'
import { BASE } from '../base.ts'
import { h } from '../ui/dom.ts'
import { field } from '../ui/fields.ts'
import { runAction, createNotice } from '../ui/notice.ts'
import type { Context, OpenPage, Page } from '../ui/page.ts'
import { t } from '../words/language.ts'

type Form = {
  readonly title: string
  readonly fields: readonly ReturnType<typeof field>[]
  readonly submit: () => Promise<unknown>
  readonly other: HTMLElement
}

function createPage({ client, go }: Context, { title, fields, submit, other }: Form): Page {
  const notice = createNotice('alert')
  const button = h('button', { type: 'submit', class: 'main wide' }, title)
  const signIn = async () => {
    await submit()
    const [consent] = await Promise.all([getConsentState(client), applyPreferences(client)])
    go(consent === 'given' ? '/' : '/consent')
  }
  const form = h('form', {}, ...fields.map(({ element }) => element), notice.element, button)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void runAction(button, notice, signIn)
  })
  const element = h(
    'div',
    { class: 'login' },
    h(
      'section',
      { class: 'welcome' },
      h('p', { class: 'display' }, t('welcome')),
      h('p', { class: 'lead' }, t('welcomeText')),
    ),
    h('section', { class: 'card' }, h('h1', {}, title), form, h('p', { class: 'other' }, other)),
  )
  return { title, element }
}

const createEmailField = () =>
  field(t('email'), {
    type: 'email',
    name: 'email',
    required: true,
    autocomplete: 'username',
    maxlength: 100,
  })

export const openLogin: OpenPage = (context) => {
  const email = createEmailField()
  const password = field(t('password'), {
    type: 'password',
    name: 'password',
    required: true,
    autocomplete: 'current-password',
  })
  return createPage(context, {
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
  const email = createEmailField()
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
  return createPage(context, {
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
