import { createClient } from '../../client/index.ts'
import { askAbout } from './about.ts'
import { SERVER } from './base.ts'
import { applyPreferences } from './preferences.ts'
import { reloadWhenFilesAreGone } from './reload.ts'
import { createRouter } from './router.ts'
import { createShell } from './shell.ts'
import { applyLook } from './ui/look.ts'
import { failure } from './ui/notice.ts'
import { language, setLanguage } from './words/language.ts'

reloadWhenFilesAreGone()
setLanguage(language())
applyLook()

try {
  const about = await askAbout()
  const client = createClient({ server: SERVER, language, onSignedOut: () => router.go('/login') })
  const shell = createShell({ client, go: (place) => router.go(place), again: () => router.again() })
  const router = createRouter({ client, about, shell })
  document.body.replaceChildren(...shell.elements)
  if (await client.isSignedIn()) await applyPreferences(client)
  await router.start()
} catch (error) {
  document.body.replaceChildren(failure(error, () => location.reload()))
}
