import { FONT_SCALES, LAYOUT_DENSITIES, type Preferences } from '../../../src/domain/preferences.ts'
import { isBaselineKept, setBaselineKept, withdrawConsent } from '../consent.ts'
import { fetchPreferences, savePreferences } from '../preferences.ts'
import { confirm } from '../ui/confirm.ts'
import { h } from '../ui/dom.ts'
import { download } from '../ui/download.ts'
import { choice, field, toggle } from '../ui/fields.ts'
import { applyAppearance, getAppearance, THEMES } from '../ui/appearance.ts'
import { runAction, createNotice, toErrorText } from '../ui/notice.ts'
import type { Context, OpenPage } from '../ui/page.ts'
import { language, setLanguage, t } from '../words/language.ts'

const THEME_TEXTS = { system: 'themeSystem', light: 'themeLight', dark: 'themeDark' } as const
const SCALE_TEXTS = { sm: 'fontSm', md: 'fontMd', lg: 'fontLg', xl: 'fontXl' } as const
const DENSITY_TEXTS = { compact: 'densityCompact', spacious: 'densitySpacious' } as const

export const openSettings: OpenPage = async (context) => {
  const { client } = context
  const [{ user }, preferences, isKept] = await Promise.all([
    client.call('GET /api/auth/me'),
    fetchPreferences(client),
    isBaselineKept(client),
  ])
  const notice = createNotice('status')
  const save = (saving: Promise<void>) => {
    saving.then(() => notice.show(t('saved'))).catch((error: unknown) => notice.show(toErrorText(error)))
  }
  const set = (changes: Partial<Preferences>) => save(savePreferences(client, changes))
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
        createLanguageChoice(context, set),
        ...createAppearanceChoices(preferences, set),
        createTimeZoneChoice(preferences, set),
      ),
      h(
        'div',
        { class: 'grid toggles' },
        toggle(t('carryBaseline'), isKept, t('carryBaselineText'), (isWanted) =>
          save(setBaselineKept(client, isWanted)),
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
    createAccountSection(context, user),
    createDataSection(context),
  )
  return { title: t('settings'), element }
}

/** Saves changed preferences and shows the result. */
type SetPreferences = (changes: Partial<Preferences>) => void

const createLanguageChoice = ({ go }: Context, set: SetPreferences): HTMLElement =>
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
      go('/settings')
    },
  ).element

/** The theme belongs to this device; font size and density are saved with the account too. */
const createAppearanceChoices = (preferences: Preferences, set: SetPreferences): HTMLElement[] => [
  choice(
    t('theme'),
    THEMES.map((value) => [value, t(THEME_TEXTS[value])] as const),
    getAppearance().theme,
    (theme) => applyAppearance({ theme }),
  ).element,
  choice(
    t('fontScale'),
    FONT_SCALES.map((value) => [value, t(SCALE_TEXTS[value])] as const),
    preferences.fontScale,
    (fontScale) => {
      applyAppearance({ fontScale })
      set({ fontScale })
    },
  ).element,
  choice(
    t('density'),
    LAYOUT_DENSITIES.map((value) => [value, t(DENSITY_TEXTS[value])] as const),
    preferences.layoutDensity,
    (layoutDensity) => {
      applyAppearance({ layoutDensity })
      set({ layoutDensity })
    },
  ).element,
]

function createTimeZoneChoice({ timezone: current }: Preferences, set: SetPreferences): HTMLElement {
  const zones = [...new Set([current, 'UTC', ...Intl.supportedValuesOf('timeZone')])]
  return choice(
    t('timezone'),
    zones.map((zone) => [zone, zone] as const),
    current,
    (timezone) => set({ timezone, timezoneSource: 'person' }),
  ).element
}

function createAccountSection(
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
    void runAction(save, notice, async () => {
      await client.call('PUT /api/auth/profile', { body: { username: name.input.value } })
      notice.show(t('saved'))
    })
  })
  return h(
    'section',
    {},
    h('h2', {}, t('account')),
    h('p', { class: 'quiet-text' }, user.email),
    form,
    notice.element,
    createPasswordForm(client),
  )
}

function createPasswordForm(client: Context['client']): HTMLElement {
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
    void runAction(save, notice, async () => {
      const hints = await client.changePassword({
        currentPassword: current.input.value,
        newPassword: next.input.value,
      })
      form.reset()
      notice.show(
        [t('passwordChanged'), ...hints.map(({ message }) => `${t('newPassword')}: ${message}`)].join(' '),
      )
    })
  })
  return form
}

function createDataSection(context: Context): HTMLElement {
  const { client } = context
  const notice = createNotice('status')
  const button = (text: string, kind: string, work: () => Promise<void>) => {
    const element = h('button', { type: 'button', class: kind }, text)
    element.addEventListener('click', () => void runAction(element, notice, work))
    return element
  }
  const save = () => download(client, '/api/user/export', 'maeum-export.json')
  const withdraw = async () => {
    await withdrawConsent(client)
    notice.show(t('consentWithdrawn'))
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
      button(t('deleteAccount'), 'danger', () => deleteAccount(context)),
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
  const isConfirmed = await confirm({
    title: t('deleteAccount'),
    text: t('deleteAccountText'),
    action: t('deleteForGood'),
    more: [password.element],
  })
  if (!isConfirmed) return
  await client.call('DELETE /api/user', { body: { password: password.input.value } })
  await client.logout().catch(() => undefined) // the account no longer exists
  go('/signup')
}
