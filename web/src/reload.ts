import { tabStorage } from './storage.ts'

const KEY = 'maeum.reloaded'
/** Minimum time between two reloads. */
const RELOAD_INTERVAL_MS = 60_000
const DEADLINE_MS = 10_000

/**
 * A page loaded before a deploy requests files that the new build no longer contains: it is reloaded once, when the
 * server responds.
 */
export function reloadAfterDeploy(): void {
  addEventListener('vite:preloadError', () => void reloadOnce().catch(() => undefined)) // the page shows the error
}

async function reloadOnce(): Promise<void> {
  if (Date.now() - Number(tabStorage.get(KEY)) < RELOAD_INTERVAL_MS) return
  const page = await fetch(location.href, {
    headers: { accept: 'text/html' },
    cache: 'no-store',
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  if (!page.ok) return
  tabStorage.set(KEY, String(Date.now()))
  location.reload()
}
