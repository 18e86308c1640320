import type { Client } from '../../client/index.ts'
import type { About } from './about.ts'
import { BASE } from './base.ts'
import type { Shell } from './shell.ts'
import { createFailure } from './ui/notice.ts'
import type { OpenPage, Page } from './ui/page.ts'

type RouteEntry = {
  readonly open: () => Promise<OpenPage>
  /** Other pages redirect to the login page without a login. */
  readonly isPublic?: boolean
}

/** Every page, loaded on first use. */
const ROUTES: Readonly<Record<string, RouteEntry>> = {
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
const NOT_FOUND: RouteEntry = {
  open: async () => (await import('./pages/not-found.ts')).openNotFound,
  isPublic: true,
}

type Dependencies = { readonly client: Client; readonly about: About; readonly shell: Shell }

/** Maps paths to pages; a newer navigation cancels one that is still loading. */
export function createRouter({ client, about, shell }: Dependencies) {
  let shown: Page | undefined
  let navigation = 0

  const getPath = () => location.pathname.slice(BASE.length).replace(/\/+$/, '') || '/'

  const show = async (): Promise<void> => {
    const current = ++navigation
    const path = getPath()
    const route = ROUTES[path] ?? NOT_FOUND
    shown?.close?.()
    shown = undefined
    const isSignedIn = await client.isSignedIn()
    if (current !== navigation) return
    if (!isSignedIn && route.isPublic !== true) {
      go('/login')
      return
    }
    shell.setBusy()
    // A module that failed to load is not requested again by the same document.
    let retry = () => location.reload()
    try {
      const open = await route.open()
      if (current !== navigation) return
      retry = () => void show()
      const page = await open({ client, about, go, fragment: decodeURIComponent(location.hash.slice(1)) })
      if (current === navigation) {
        shown = page
        shell.show(page, path, isSignedIn)
      } else page.close?.()
    } catch (error) {
      if (current !== navigation) return
      const element = createFailure(error, retry)
      shell.show({ title: document.title, element }, path, isSignedIn)
    }
  }

  const go = (path: string): void => {
    history.pushState(null, '', BASE + path)
    void show()
  }

  return {
    go,
    /** Renders the current page again, for example in another language. */
    refresh: () => void show(),
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
