import type { Client, Emotion, Session } from '../../../client/index.ts'
import type { About } from '../about.ts'
import { h } from '../ui/dom.ts'
import { createNotice } from '../ui/notice.ts'
import { faultOf } from '../words/faults.ts'
import { clock as clockText, emotionName } from '../words/format.ts'
import { t } from '../words/language.ts'
import { createChat } from './chat.ts'
import { createControls } from './controls.ts'
import { createMeters } from './meters.ts'
import { createNow } from './now.ts'
import { createPlane } from './plane.ts'
import type { Recording } from './recording.ts'
import type { FaceSource } from './source.ts'
import { createSourceFault } from './source-fault.ts'
import type { Stage } from './stage.ts'
import { createTimeline } from './timeline.ts'

type Dependencies = {
  readonly client: Client
  readonly about: About
  readonly session: Session
  readonly source: FaceSource
  readonly stage: Stage
  /** It is over and everything has arrived. */
  readonly onOver: (sessionId: string) => void
  readonly onComeBack: () => void
}

export type Live = { readonly element: HTMLElement; readonly close: () => void }

const BEAT_MS = 200

/** A running session: faces in, what is read of them out. */
export function createLive(dependencies: Dependencies): Live {
  const { client, about, session, source, stage, onOver, onComeBack } = dependencies
  const now = createNow()
  const timeline = createTimeline(about.intervalMs)
  const plane = createPlane()
  const meters = createMeters()
  const notice = createNotice('alert')
  const fault = createSourceFault(source)
  const connection = h('p', { class: 'connection', role: 'status' }, t('connecting'))
  const elapsed = h('span', { class: 'clock', role: 'timer', 'aria-live': 'off' })
  const controls = createControls({ session, notice })
  let last: Emotion | null = null
  let startedAt = performance.now()
  let isPaused = false
  let isOver = false

  /** Windows hang on the session's start and go on through pauses. */
  const place = () => {
    const age = Math.max(0, performance.now() - startedAt)
    return {
      window: Math.floor(age / about.intervalMs) + 1,
      share: (age % about.intervalMs) / about.intervalMs,
      age,
    }
  }

  const findClock = async () => {
    const asked = performance.now()
    const { duration, status } = await client.call('GET /api/session/:id', { params: { id: session.id } })
    startedAt = (asked + performance.now()) / 2 - duration
    hearStatus(status)
    if (isRecording(source)) source.follow(place)
  }

  const hearStatus = (status: string) => {
    isPaused = status === 'paused'
    controls.status(isPaused)
    document.documentElement.dataset['session'] = status
  }

  stage.onState((state) => fault.show(state))
  stage.onSeen(({ face, motion }) => {
    meters.show(motion)
    const { points, ...shot } = face
    if (points !== null && !isPaused && !isOver) session.push(points, shot)
  })

  session.on('emotion', (event) => {
    last = event.emotion
    now.show(event)
    timeline.add(event)
    plane.add(event)
  })
  session.on('status', ({ status, duration }) => {
    if (duration !== undefined) startedAt = performance.now() - duration
    hearStatus(status)
  })
  const linked = (word: string, kind: string) => {
    connection.textContent = word
    connection.dataset['state'] = kind
  }
  session.on('open', () => linked(t('connected'), 'good'))
  session.on('reconnecting', ({ reason, attempt }) =>
    linked(reason === 'offline' ? t('offline') : t('reconnecting', { n: attempt }), 'waiting'),
  )
  session.on('error', ({ code, message }) => notice.say(faultOf(code, message)))
  session.on('ended', ({ reason, sessionId }) => {
    isOver = true
    timeline.close()
    linked(t('ended'), 'ended')
    if (reason === 'closed') return
    if (reason === 'ended' || reason === 'gone') onOver(sessionId)
    else {
      controls.offer(t('comeBack'), onComeBack)
      notice.say(t(reason === 'superseded' ? 'superseded' : 'lost'))
    }
  })

  const beat = setInterval(() => {
    const { window, share, age } = place()
    if (isOver) return
    elapsed.textContent = clockText(age)
    timeline.fill(isPaused ? 0 : share)
    const label = isRecording(source) ? source.labelOf(window) : undefined
    if (label !== undefined) stage.caption.textContent = t('recordingShows', { emotion: emotionName(label) })
  }, BEAT_MS)
  findClock().catch(() => notice.say(t('unreachable')))

  const element = h(
    'div',
    { class: 'live' },
    h('header', { class: 'bar-of-state' }, h('h1', {}, t('session')), elapsed, connection, controls.element),
    fault.element,
    notice.element,
    h('div', { class: 'seen' }, stage.element, meters.element),
    h('div', { class: 'read' }, now.element, plane.element),
    timeline.element,
    createChat(session, () => last),
  )
  return {
    element,
    close() {
      clearInterval(beat)
      delete document.documentElement.dataset['session']
      session.close()
    },
  }
}

const isRecording = (source: FaceSource): source is Recording => source.kind === 'recording'
