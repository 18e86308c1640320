import type { Client } from '../../client/index.ts'
import { BASE } from './base.ts'
import { chooseLanguage } from './preferences.ts'
import { h } from './ui/dom.ts'
import type { Page } from './ui/page.ts'
import { language, t, type TextKey } from './words/language.ts'

const NAVIGATION: readonly (readonly [path: string, key: TextKey])[] = [
  ['/', 'home'],
  ['/session', 'session'],
  ['/history', 'history'],
  ['/settings', 'settings'],
]

type Dependencies = {
  readonly client: Client
  readonly go: (path: string) => void
  readonly refresh: () => void
}

export type Shell = ReturnType<typeof createShell>

/** Header and footer around every page: navigation, language, logout. */
export function createShell({ client, go, refresh }: Dependencies) {
  const header = h('header', { class: 'top' })
  const main = h('main', { id: 'main' })
  const footer = h('footer', { class: 'bottom' })
  const skip = h('a', { class: 'skip', href: '#main' })
  skip.addEventListener('click', (event) => {
    event.preventDefault()
    main.querySelector<HTMLElement>('h1')?.focus()
  })
  let isFirst = true

  const link = (path: string, key: TextKey, at: string) =>
    h('a', { href: BASE + path, 'aria-current': path === at ? 'page' : null }, t(key))

  const logOut = async () => {
    try {
      await client.logout()
    } finally {
      go('/login')
    }
  }

  const switchLanguage = () => {
    chooseLanguage(client, language() === 'ko' ? 'en' : 'ko').catch(() => undefined) // still applied on this device
    refresh()
  }

  const renderFrame = (at: string, isSignedIn: boolean) => {
    skip.textContent = t('skip')
    const links = isSignedIn ? NAVIGATION.map(([path, key]) => h('li', {}, link(path, key, at))) : []
    header.replaceChildren(
      h('a', { class: 'brand', href: `${BASE}/` }, t('appName')),
      h('nav', { 'aria-label': t('mainNavigation') }, h('ul', {}, ...links)),
      h(
        'div',
        { class: 'tools' },
        h(
          'button',
          {
            type: 'button',
            class: 'plain',
            lang: language() === 'ko' ? 'en' : 'ko',
            onclick: switchLanguage,
          },
          t('otherLanguage'),
        ),
        isSignedIn &&
          h('button', { type: 'button', class: 'plain', onclick: () => void logOut() }, t('logOut')),
      ),
    )
    footer.replaceChildren(
      h('p', {}, t('disclaimer')),
      h('p', {}, h('a', { href: `${BASE}/operate` }, t('operate'))),
    )
  }

  return {
    elements: [skip, header, main, footer] as const,

    setBusy(): void {
      main.setAttribute('aria-busy', 'true')
    },

    show(page: Page, at: string, isSignedIn: boolean): void {
      renderFrame(at, isSignedIn)
      document.title = `${page.title} · maeum`
      main.removeAttribute('aria-busy')
      main.replaceChildren(page.element)
      scrollTo(0, 0)
      // Focusing the heading announces the page; the first page is announced by the browser.
      const heading = main.querySelector('h1')
      heading?.setAttribute('tabindex', '-1')
      if (!isFirst) heading?.focus({ preventScroll: true })
      isFirst = false
    },
  }
}
