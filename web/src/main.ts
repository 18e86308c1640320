import { createClient } from '../../client/index.ts'
import { fetchAbout } from './about.ts'
import { SERVER } from './base.ts'
import { applyPreferences } from './preferences.ts'
import { reloadAfterDeploy } from './reload.ts'
import { createRouter } from './router.ts'
import { createShell } from './shell.ts'
import { applyAppearance } from './ui/appearance.ts'
import { createFailure } from './ui/notice.ts'
import { language, setLanguage } from './words/language.ts'

reloadAfterDeploy()
setLanguage(language())
applyAppearance()

try {
  const about = await fetchAbout()
  const client = createClient({ server: SERVER, language, onSignedOut: () => router.go('/login') })
  const shell = createShell({ client, go: (path) => router.go(path), refresh: () => router.refresh() })
  const router = createRouter({ client, about, shell })
  document.body.replaceChildren(...shell.elements)
  if (await client.isSignedIn()) await applyPreferences(client)
  await router.start()
} catch (error) {
  document.body.replaceChildren(createFailure(error, () => location.reload()))
}
