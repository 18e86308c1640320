import type { Client } from '../../client/index.ts'
import type { About } from './about.ts'
import { BASE } from './base.ts'
import type { Shell } from './shell.ts'
import { failure } from './ui/notice.ts'
import type { OpenPage, Page } from './ui/page.ts'

type Place = {
  readonly open: () => Promise<OpenPage>
  /** Whoever is not logged in is sent to the door first. */
  readonly isPublic?: boolean
}

/** Every screen; what only some need is loaded when somebody goes there. */
const PLACES: Readonly<Record<string, Place>> = {
  '/': { open: async () => (await import('./pages/home.ts')).openHome },
  '/login': { open: async () => (await import('./pages/login.ts')).openLogin, isPublic: true },
  '/signup': { open: async () => (await import('./pages/login.ts')).openSignup, isPublic: true },
  '/consent': { open: async () => (await import('./pages/consent.ts')).openConsent },
  '/session': { open: async () => (await import('./pages/session.ts')).openSessionPage },
  '/report': { open: async () => (await import('./pages/report.ts')).openReport },
  '/history': { open: async () => (await import('./pages/history.ts')).openHistory },
  '/settings': { open: async () => (await import('./pages/settings.ts')).openSettings },
  '/operate': { open: async () => (await import('./pages/operate.ts')).openOperate, isPublic: true },
}
const NOWHERE: Place = {
  open: async () => (await import('./pages/not-found.ts')).openNotFound,
  isPublic: true,
}

type Dependencies = { readonly client: Client; readonly about: About; readonly shell: Shell }

/** Addresses to screens, one at a time; an older one that is still loading gives way. */
export function createRouter({ client, about, shell }: Dependencies) {
  let shown: Page | undefined
  let turn = 0

  const here = () => location.pathname.slice(BASE.length).replace(/\/+$/, '') || '/'

  const show = async (): Promise<void> => {
    const mine = ++turn
    const path = here()
    const place = PLACES[path] ?? NOWHERE
    shown?.close?.()
    shown = undefined
    const isSignedIn = await client.isSignedIn()
    if (mine !== turn) return
    if (!isSignedIn && place.isPublic !== true) {
      go('/login')
      return
    }
    shell.wait()
    // A file that could not be had is not asked for twice by the same page.
    let again = () => location.reload()
    try {
      const open = await place.open()
      if (mine !== turn) return
      again = () => void show()
      const page = await open({ client, about, go, fragment: decodeURIComponent(location.hash.slice(1)) })
      if (mine === turn) {
        shown = page
        shell.show(page, path, isSignedIn)
      } else page.close?.()
    } catch (error) {
      if (mine !== turn) return
      const element = failure(error, again)
      shell.show({ title: document.title, element }, path, isSignedIn)
    }
  }

  const go = (place: string): void => {
    history.pushState(null, '', BASE + place)
    void show()
  }

  return {
    go,
    /** The same screen anew, in another language. */
    again: () => void show(),
    async start(): Promise<void> {
      addEventListener('popstate', () => void show())
      document.addEventListener('click', (event) => {
        const link = event.target instanceof Element ? event.target.closest('a') : null
        const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey
        if (link === null || !isPlain || link.target !== '' || link.hasAttribute('download')) return
        if (link.origin !== location.origin || !link.pathname.startsWith(BASE)) return
        if (link.pathname === location.pathname && link.hash.startsWith('#main')) return
        event.preventDefault()
        go(link.pathname.slice(BASE.length) + link.hash)
      })
      await show()
    },
  }
}
