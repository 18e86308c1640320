import type { Client, Emotion, Session } from '../../../client/index.ts'
import type { About } from '../about.ts'
import { h } from '../ui/dom.ts'
import { createNotice } from '../ui/notice.ts'
import { getErrorText } from '../words/faults.ts'
import { emotionName } from '../words/format.ts'
import { t } from '../words/language.ts'
import { createChat } from './chat.ts'
import { createControls } from './controls.ts'
import { createMeters } from './meters.ts'
import { createNow } from './now.ts'
import { createPlane } from './plane.ts'
import type { Recording } from './recording.ts'
import { createSessionClock } from './session-clock.ts'
import type { FaceSource } from './source.ts'
import { createSourceFault } from './source-fault.ts'
import type { Stage } from './stage.ts'
import { createStatusBar } from './status-bar.ts'
import { createTimeline } from './timeline.ts'

type Dependencies = {
  readonly client: Client
  readonly about: About
  readonly session: Session
  readonly source: FaceSource
  readonly stage: Stage
  /** The session has ended and all answers have arrived. */
  readonly onEnd: (sessionId: string) => void
  readonly onReconnect: () => void
}

export type Live = { readonly element: HTMLElement; readonly close: () => void }

const REFRESH_INTERVAL_MS = 200

/** The screen of a live session. */
export function createLive(dependencies: Dependencies): Live {
  const { client, about, session, source, stage, onEnd, onReconnect } = dependencies
  const now = createNow()
  const timeline = createTimeline(about.intervalMs)
  const plane = createPlane()
  const meters = createMeters()
  const notice = createNotice('alert')
  const fault = createSourceFault(source)
  const controls = createControls({ session, notice })
  const statusBar = createStatusBar(controls.element)
  const clock = createSessionClock(about.intervalMs)
  let last: Emotion | null = null
  let isPaused = false
  let isEnded = false

  const syncClock = async () => {
    const requestedAt = performance.now()
    const { duration, status } = await client.call('GET /api/session/:id', { params: { id: session.id } })
    clock.setAge(duration, (requestedAt + performance.now()) / 2)
    setStatus(status)
    if (isRecording(source)) source.follow(clock.getPosition)
  }

  const setStatus = (status: string) => {
    isPaused = status === 'paused'
    controls.setPaused(isPaused)
    document.documentElement.dataset['session'] = status
  }

  stage.onState((state) => fault.show(state))
  stage.onFace(({ face, motion }) => {
    meters.show(motion)
    const { points, ...shot } = face
    if (points !== null && !isPaused && !isEnded) session.push(points, shot)
  })

  session.on('emotion', (event) => {
    last = event.emotion
    now.show(event)
    timeline.add(event)
    plane.add(event)
  })
  session.on('status', ({ status, duration }) => {
    if (duration !== undefined) clock.setAge(duration)
    setStatus(status)
  })
  session.on('open', () => statusBar.showConnection(t('connected'), 'good'))
  session.on('reconnecting', ({ reason, attempt }) =>
    statusBar.showConnection(
      reason === 'offline' ? t('offline') : t('reconnecting', { n: attempt }),
      'waiting',
    ),
  )
  session.on('error', ({ code, message }) => notice.show(getErrorText(code, message)))
  session.on('ended', ({ reason, sessionId }) => {
    isEnded = true
    timeline.close()
    statusBar.showConnection(t('ended'), 'ended')
    if (reason === 'closed') return
    if (reason === 'ended' || reason === 'gone') onEnd(sessionId)
    else {
      controls.showOnly(t('reconnect'), onReconnect)
      notice.show(t(reason === 'superseded' ? 'superseded' : 'lost'))
    }
  })

  const refresh = setInterval(() => {
    const { window, share, age } = clock.getPosition()
    if (isEnded) return
    statusBar.showAge(age)
    timeline.fill(isPaused ? 0 : share)
    const label = isRecording(source) ? source.getLabel(window) : undefined
    if (label !== undefined) stage.caption.textContent = t('recordingShows', { emotion: emotionName(label) })
  }, REFRESH_INTERVAL_MS)
  syncClock().catch(() => notice.show(t('unreachable')))

  const element = h(
    'div',
    { class: 'live' },
    statusBar.element,
    fault.element,
    notice.element,
    h('div', { class: 'input-panel' }, stage.element, meters.element),
    h('div', { class: 'result-panel' }, now.element, plane.element),
    timeline.element,
    createChat(session, () => last),
  )
  return {
    element,
    close() {
      clearInterval(refresh)
      delete document.documentElement.dataset['session']
      session.close()
    },
  }
}

const isRecording = (source: FaceSource): source is Recording => source.kind === 'recording'
