import { FONT_SCALES, LAYOUT_DENSITIES, type Preferences } from '../../../src/domain/preferences.ts'
import { carriesBaseline, carryBaseline, withdrawConsent } from '../consent.ts'
import { askPreferences, savePreferences } from '../preferences.ts'
import { ask } from '../ui/ask.ts'
import { h } from '../ui/dom.ts'
import { download } from '../ui/download.ts'
import { choice, field, toggle } from '../ui/fields.ts'
import { applyLook, look, THEMES } from '../ui/look.ts'
import { attempt, createNotice, sentenceOf } from '../ui/notice.ts'
import type { Context, OpenPage } from '../ui/page.ts'
import { language, setLanguage, t } from '../words/language.ts'

const THEME_WORDS = { system: 'themeSystem', light: 'themeLight', dark: 'themeDark' } as const
const SCALE_WORDS = { sm: 'fontSm', md: 'fontMd', lg: 'fontLg', xl: 'fontXl' } as const
const DENSITY_WORDS = { compact: 'densityCompact', spacious: 'densitySpacious' } as const

export const openSettings: OpenPage = async (context) => {
  const { client } = context
  const [{ user }, preferences, isCarried] = await Promise.all([
    client.call('GET /api/auth/me'),
    askPreferences(client),
    carriesBaseline(client),
  ])
  const notice = createNotice('status')
  const save = (saving: Promise<void>) => {
    saving.then(() => notice.say(t('saved'))).catch((error: unknown) => notice.say(sentenceOf(error)))
  }
  const set = (changes: Partial<Preferences>) => save(savePreferences(client, changes))
  const zones = [...new Set([preferences.timezone, 'UTC', ...Intl.supportedValuesOf('timeZone')])]
  const element = h(
    'div',
    { class: 'medium settings' },
    h('h1', {}, t('settings')),
    h(
      'section',
      {},
      h('h2', {}, t('preferences')),
      h(
        'div',
        { class: 'grid' },
        choice(
          t('languageLabel'),
          [
            ['ko', '한국어'],
            ['en', 'English'],
          ],
          language(),
          (value) => {
            setLanguage(value)
            set({ language: value })
            context.go('/settings')
          },
        ).element,
        choice(
          t('theme'),
          THEMES.map((value) => [value, t(THEME_WORDS[value])] as const),
          look().theme,
          (theme) => applyLook({ theme }),
        ).element,
        choice(
          t('fontScale'),
          FONT_SCALES.map((value) => [value, t(SCALE_WORDS[value])] as const),
          preferences.fontScale,
          (fontScale) => {
            applyLook({ fontScale })
            set({ fontScale })
          },
        ).element,
        choice(
          t('density'),
          LAYOUT_DENSITIES.map((value) => [value, t(DENSITY_WORDS[value])] as const),
          preferences.layoutDensity,
          (layoutDensity) => {
            applyLook({ layoutDensity })
            set({ layoutDensity })
          },
        ).element,
        choice(
          t('timezone'),
          zones.map((zone) => [zone, zone] as const),
          preferences.timezone,
          (timezone) => set({ timezone, timezoneSource: 'person' }),
        ).element,
      ),
      h(
        'div',
        { class: 'grid toggles' },
        toggle(t('carryBaseline'), isCarried, t('carryBaselineText'), (isWanted) =>
          save(carryBaseline(client, isWanted)),
        ).element,
        toggle(
          t('notifications'),
          preferences.notificationsOptIn,
          t('notificationsText'),
          (notificationsOptIn) => set({ notificationsOptIn }),
        ).element,
      ),
      notice.element,
    ),
    account(context, user),
    data(context),
  )
  return { title: t('settings'), element }
}

function account(
  { client }: Context,
  user: { readonly username: string; readonly email: string },
): HTMLElement {
  const notice = createNotice('status')
  const name = field(t('username'), {
    value: user.username,
    minlength: 2,
    maxlength: 50,
    required: true,
    autocomplete: 'nickname',
  })
  const save = h('button', { class: 'quiet' }, t('save'))
  const form = h('form', { class: 'inline' }, name.element, save)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void attempt(save, notice, async () => {
      await client.call('PUT /api/auth/profile', { body: { username: name.input.value } })
      notice.say(t('saved'))
    })
  })
  return h(
    'section',
    {},
    h('h2', {}, t('account')),
    h('p', { class: 'quiet-text' }, user.email),
    form,
    notice.element,
    password(client),
  )
}

function password(client: Context['client']): HTMLElement {
  const notice = createNotice('status')
  const current = field(t('currentPassword'), {
    type: 'password',
    required: true,
    autocomplete: 'current-password',
  })
  const next = field(
    t('newPassword'),
    { type: 'password', required: true, minlength: 8, maxlength: 128, autocomplete: 'new-password' },
    t('passwordHint'),
  )
  const save = h('button', { class: 'quiet' }, t('changePassword'))
  const form = h('form', { class: 'password' }, current.element, next.element, notice.element, save)
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void attempt(save, notice, async () => {
      const hints = await client.changePassword({
        currentPassword: current.input.value,
        newPassword: next.input.value,
      })
      form.reset()
      notice.say(
        [t('passwordChanged'), ...hints.map(({ message }) => `${t('newPassword')}: ${message}`)].join(' '),
      )
    })
  })
  return form
}

function data(context: Context): HTMLElement {
  const { client } = context
  const notice = createNotice('status')
  const button = (text: string, kind: string, work: () => Promise<void>) => {
    const element = h('button', { type: 'button', class: kind }, text)
    element.addEventListener('click', () => void attempt(element, notice, work))
    return element
  }
  const save = () => download(client, '/api/user/export', 'maeum-export.json')
  const withdraw = async () => {
    await withdrawConsent(client)
    notice.say(t('consentWithdrawn'))
  }
  return h(
    'section',
    {},
    h('h2', {}, t('yourData')),
    h('p', {}, t('yourDataText')),
    h(
      'div',
      { class: 'row' },
      button(t('exportData'), 'quiet', save),
      button(t('withdrawConsent'), 'quiet', withdraw),
      button(t('deleteAccount'), 'grave', () => deleteAccount(context)),
    ),
    notice.element,
  )
}

async function deleteAccount({ client, go }: Context): Promise<void> {
  const password = field(t('password'), {
    type: 'password',
    autocomplete: 'current-password',
    required: true,
  })
  const isMeant = await ask({
    title: t('deleteAccount'),
    text: t('deleteAccountText'),
    action: t('deleteForGood'),
    more: [password.element],
  })
  if (!isMeant) return
  await client.call('DELETE /api/user', { body: { password: password.input.value } })
  await client.logout().catch(() => undefined) // there is nobody any more who could log out
  go('/signup')
}
