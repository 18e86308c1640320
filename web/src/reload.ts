import { inTab } from './kept.ts'

const KEY = 'maeum.reloaded'
/** A reload that did not help is not tried again for so long. */
const ONCE_IN_MS = 60_000
const DEADLINE_MS = 10_000

/**
 * A page from before a deploy asks for files whose names the new build no longer has: it is loaded anew, once, when the
 * server answers.
 */
export function reloadWhenFilesAreGone(): void {
  addEventListener('vite:preloadError', () => void reloadOnce().catch(() => undefined)) // the screen says what is wrong
}

async function reloadOnce(): Promise<void> {
  if (Date.now() - Number(inTab.get(KEY)) < ONCE_IN_MS) return
  const page = await fetch(location.href, {
    headers: { accept: 'text/html' },
    cache: 'no-store',
    signal: AbortSignal.timeout(DEADLINE_MS),
  })
  if (!page.ok) return
  inTab.set(KEY, String(Date.now()))
  location.reload()
}
