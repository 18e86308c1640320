import { MaeumError } from '../../../client/index.ts'
import { consentState } from '../consent.ts'
import { inTab } from '../kept.ts'
import { openCamera } from '../live/camera.ts'
import { createCheck } from '../live/check.ts'
import { createLive, type Live } from '../live/live.ts'
import { openRecording } from '../live/recording.ts'
import type { FaceSource } from '../live/source.ts'
import { createStage } from '../live/stage.ts'
import { h } from '../ui/dom.ts'
import type { OpenPage } from '../ui/page.ts'
import { t } from '../words/language.ts'

/** The session of this tab, so that a reload or another language comes back to it. */
const KEY = 'maeum.session'
type Kept = { readonly id: string; readonly kind: FaceSource['kind'] }

function kept(): Kept | undefined {
  try {
    const { id, kind } = Object(JSON.parse(inTab.get(KEY) ?? 'null')) as Partial<Kept>
    return typeof id === 'string' && (kind === 'camera' || kind === 'recording') ? { id, kind } : undefined
  } catch {
    return undefined // not ours, or spoilt
  }
}

/** First the camera is looked at, then a session runs; at its end there is a report. */
export const openSessionPage: OpenPage = async (context) => {
  const { client, about, go, fragment } = context
  const root = h('div', { class: 'session' })
  const before = kept()
  let source: FaceSource | undefined
  let live: Live | undefined
  let isOpen = true

  if ((await consentState(client)) === 'required') {
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
      use: (otherKind, otherId) => check(otherKind, otherId),
    })
    root.replaceChildren(view)
  }

  const run = async (from: FaceSource, stage: ReturnType<typeof createStage>, id?: string): Promise<void> => {
    const session = id === undefined ? await client.startSession() : await client.attach(id)
    if (!isOpen) {
      session.close()
      return
    }
    inTab.set(KEY, JSON.stringify({ id: session.id, kind: from.kind } satisfies Kept))
    live = createLive({
      client,
      about,
      session,
      source: from,
      stage,
      onOver: (sessionId) => {
        inTab.remove(KEY)
        from.close()
        go(`/report#${sessionId}`)
      },
      onComeBack: () => context.go('/session'),
    })
    root.replaceChildren(live.element)
    root.querySelector('h1')?.setAttribute('tabindex', '-1')
    root.querySelector('h1')?.focus()
  }

  const resume = async ({ id, kind }: Kept): Promise<void> => {
    const opened = openSource(kind)
    const stage = createStage(opened)
    await run(opened, stage, id)
    void opened.start()
  }

  if (before === undefined) check(fragment === 'recording' ? 'recording' : 'camera')
  else {
    await resume(before).catch((error: unknown) => {
      // Only the server's own word ends it: while it cannot be reached, coming back may be tried again.
      if (error instanceof MaeumError && error.retryable) {
        source?.close()
        throw error
      }
      inTab.remove(KEY)
      check(before.kind)
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
