import type { Client } from '../../client/index.ts'
import { BASE } from './base.ts'
import { chooseLanguage } from './preferences.ts'
import { h } from './ui/dom.ts'
import type { Page } from './ui/page.ts'
import { language, t, type Word } from './words/language.ts'

const ROOMS: readonly (readonly [path: string, word: Word])[] = [
  ['/', 'home'],
  ['/session', 'session'],
  ['/history', 'history'],
  ['/settings', 'settings'],
]

type Dependencies = {
  readonly client: Client
  readonly go: (place: string) => void
  readonly again: () => void
}

export type Shell = ReturnType<typeof createShell>

/** What stays around the screens: the way to the others, the language, the way out. */
export function createShell({ client, go, again }: Dependencies) {
  const header = h('header', { class: 'top' })
  const main = h('main', { id: 'main' })
  const footer = h('footer', { class: 'bottom' })
  const skip = h('a', { class: 'skip', href: '#main' })
  skip.addEventListener('click', (event) => {
    event.preventDefault()
    main.querySelector<HTMLElement>('h1')?.focus()
  })
  let isFirst = true

  const link = (path: string, word: Word, at: string) =>
    h('a', { href: BASE + path, 'aria-current': path === at ? 'page' : null }, t(word))

  const leave = async () => {
    try {
      await client.logout()
    } finally {
      go('/login')
    }
  }

  const turnLanguage = () => {
    chooseLanguage(client, language() === 'ko' ? 'en' : 'ko').catch(() => undefined) // it holds on this device
    again()
  }

  const furnish = (at: string, isSignedIn: boolean) => {
    skip.textContent = t('skip')
    const rooms = isSignedIn ? ROOMS.map(([path, word]) => h('li', {}, link(path, word, at))) : []
    header.replaceChildren(
      h('a', { class: 'brand', href: `${BASE}/` }, t('appName')),
      h('nav', { 'aria-label': t('mainNavigation') }, h('ul', {}, ...rooms)),
      h(
        'div',
        { class: 'tools' },
        h(
          'button',
          { type: 'button', class: 'plain', lang: language() === 'ko' ? 'en' : 'ko', onclick: turnLanguage },
          t('otherLanguage'),
        ),
        isSignedIn &&
          h('button', { type: 'button', class: 'plain', onclick: () => void leave() }, t('logOut')),
      ),
    )
    footer.replaceChildren(
      h('p', {}, t('disclaimer')),
      h('p', {}, h('a', { href: `${BASE}/operate` }, t('operate'))),
    )
  }

  return {
    elements: [skip, header, main, footer] as const,

    wait(): void {
      main.setAttribute('aria-busy', 'true')
    },

    show(page: Page, at: string, isSignedIn: boolean): void {
      furnish(at, isSignedIn)
      document.title = `${page.title} · maeum`
      main.removeAttribute('aria-busy')
      main.replaceChildren(page.element)
      scrollTo(0, 0)
      // A screen reader hears where it is; the first page is read by itself.
      const heading = main.querySelector('h1')
      heading?.setAttribute('tabindex', '-1')
      if (!isFirst) heading?.focus({ preventScroll: true })
      isFirst = false
    },
  }
}
