import { MaeumError } from '../../../client/index.ts'
import { getConsentState } from '../consent.ts'
import { tabStorage } from '../storage.ts'
import { openCamera } from '../live/camera.ts'
import { createCheck } from '../live/check.ts'
import { createLive, type Live } from '../live/live.ts'
import { openRecording } from '../live/recording.ts'
import type { FaceSource } from '../live/source.ts'
import { createStage } from '../live/stage.ts'
import { h } from '../ui/dom.ts'
import type { OpenPage } from '../ui/page.ts'
import { t } from '../words/language.ts'

/** The session of this tab, so that it is resumed after a reload or a change of language. */
const KEY = 'maeum.session'
type StoredSession = { readonly id: string; readonly kind: FaceSource['kind'] }

function readStoredSession(): StoredSession | undefined {
  try {
    const { id, kind } = Object(JSON.parse(tabStorage.get(KEY) ?? 'null')) as Partial<StoredSession>
    return typeof id === 'string' && (kind === 'camera' || kind === 'recording') ? { id, kind } : undefined
  } catch {
    return undefined
  }
}

/** Camera check, then the live session, then the report. */
export const openSessionPage: OpenPage = async (context) => {
  const { client, about, go, fragment } = context
  const root = h('div', { class: 'session' })
  const stored = readStoredSession()
  let source: FaceSource | undefined
  let live: Live | undefined
  let isOpen = true

  if ((await getConsentState(client)) === 'required') {
    go('/consent')
    return { title: t('session'), element: root }
  }

  const openSource = (kind: FaceSource['kind'], deviceId?: string): FaceSource => {
    source?.close()
    source = kind === 'recording' ? openRecording() : openCamera(deviceId)
    return source
  }

  const check = (kind: FaceSource['kind'], deviceId?: string): void => {
    const opened = openSource(kind, deviceId)
    const stage = createStage(opened)
    const view = createCheck({
      client,
      source: opened,
      stage,
      begin: () => run(opened, stage),
      useSource: (otherKind, otherId) => check(otherKind, otherId),
    })
    root.replaceChildren(view)
  }

  const run = async (from: FaceSource, stage: ReturnType<typeof createStage>, id?: string): Promise<void> => {
    const session = id === undefined ? await client.startSession() : await client.attach(id)
    if (!isOpen) {
      session.close()
      return
    }
    tabStorage.set(KEY, JSON.stringify({ id: session.id, kind: from.kind } satisfies StoredSession))
    live = createLive({
      client,
      about,
      session,
      source: from,
      stage,
      onEnd: (sessionId) => {
        tabStorage.remove(KEY)
        from.close()
        go(`/report#${sessionId}`)
      },
      onReconnect: () => context.go('/session'),
    })
    root.replaceChildren(live.element)
    root.querySelector('h1')?.setAttribute('tabindex', '-1')
    root.querySelector('h1')?.focus()
  }

  const resume = async ({ id, kind }: StoredSession): Promise<void> => {
    const opened = openSource(kind)
    const stage = createStage(opened)
    await run(opened, stage, id)
    void opened.start()
  }

  if (stored === undefined) check(fragment === 'recording' ? 'recording' : 'camera')
  else {
    await resume(stored).catch((error: unknown) => {
      // Only a response of the server ends the session: while it is unreachable, the user may retry.
      if (error instanceof MaeumError && error.retryable) {
        source?.close()
        throw error
      }
      tabStorage.remove(KEY)
      check(stored.kind)
    })
  }
  return {
    title: t('session'),
    element: root,
    close() {
      isOpen = false
      live?.close()
      source?.close()
    },
  }
}
