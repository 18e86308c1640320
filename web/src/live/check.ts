import type { Client } from '../../../client/index.ts'
import { h } from '../ui/dom.ts'
import { choice } from '../ui/fields.ts'
import { attempt, createNotice } from '../ui/notice.ts'
import { t, type Word } from '../words/language.ts'
import type { FaceSource, SourceState } from './source.ts'
import { createSourceFault } from './source-fault.ts'
import type { Stage } from './stage.ts'

type Dependencies = {
  readonly client: Client
  readonly source: FaceSource
  readonly stage: Stage
  readonly begin: () => Promise<void>
  /** Looks through another camera, or at the recording. */
  readonly use: (kind: FaceSource['kind'], deviceId?: string) => void
}

type Mark = 'waiting' | 'good' | 'bad'

function row(name: Word) {
  const text = h('span', { class: 'state' }, t('stateWaiting'))
  const element = h('li', { class: 'waiting' }, h('span', {}, t(name)), text)
  return {
    element,
    mark([kind, word]: readonly [Mark, Word]): void {
      if (text.textContent === t(word)) return
      element.className = kind
      text.textContent = t(word)
    },
  }
}

const STATES = {
  waiting: ['waiting', 'stateWaiting'],
  ready: ['good', 'stateReady'],
  interrupted: ['waiting', 'stateInterrupted'],
  failed: ['bad', 'stateFailed'],
} as const satisfies Record<SourceState['camera'], readonly [Mark, Word]>

/** Whether everything is there for a session, before it begins. */
export function createCheck({ client, source, stage, begin, use }: Dependencies): HTMLElement {
  const rows = {
    camera: row('checkCamera'),
    model: row('checkModel'),
    face: row('checkFace'),
    server: row('checkServer'),
  }
  const notice = createNotice('alert')
  const fault = createSourceFault(source)
  const start = h('button', { type: 'button', class: 'main', 'aria-disabled': 'true' }, t('begin'))
  const cameras = h('div', { class: 'cameras' })
  let isServerThere = false
  let isReady = false

  const look = (ready: boolean) => {
    if (isReady === ready) return
    isReady = ready
    if (ready) start.removeAttribute('aria-disabled')
    else start.setAttribute('aria-disabled', 'true')
  }

  stage.onState((state) => {
    const { camera, model } = state
    rows.camera.mark(STATES[camera])
    rows.model.mark(STATES[model])
    fault.show(state)
    if (camera === 'ready' && source.kind === 'camera') void listCameras()
  })
  // A face is enough; one that turns away for a moment may still begin.
  stage.onSeen(({ face, motion }) => {
    if (face.points === null || motion === undefined) rows.face.mark(['waiting', 'stateNotFound'])
    else if (motion.isTurned) rows.face.mark(['waiting', 'stateTurned'])
    else rows.face.mark(['good', 'stateFound'])
    look(isServerThere && (isReady || face.points !== null))
  })

  const listCameras = async () => {
    const found = (await navigator.mediaDevices.enumerateDevices()).filter(
      ({ kind }) => kind === 'videoinput',
    )
    if (found.length < 2) return
    const options = found.map((device, i) => [device.deviceId, device.label || `${i + 1}`] as const)
    // Another than the chosen one, if that is no longer there.
    const { srcObject } = source.preview ?? {}
    const [track] = srcObject instanceof MediaStream ? srcObject.getVideoTracks() : []
    const now = track?.getSettings().deviceId ?? found[0]?.deviceId ?? ''
    cameras.replaceChildren(choice(t('whichCamera'), options, now, (id) => use('camera', id)).element)
  }

  const askServer = async () => {
    try {
      await client.call('GET /api/auth/me')
      isServerThere = true
      rows.server.mark(['good', 'stateReady'])
    } catch {
      rows.server.mark(['bad', 'stateFailed'])
    }
  }

  start.addEventListener('click', () => void attempt(start, notice, begin))
  void askServer()
  void source.start()
  const other =
    source.kind === 'camera'
      ? h('button', { type: 'button', class: 'quiet', onclick: () => use('recording') }, t('startRecording'))
      : h('button', { type: 'button', class: 'quiet', onclick: () => use('camera') }, t('startCamera'))
  return h(
    'div',
    { class: 'check' },
    h(
      'div',
      { class: 'intro' },
      h('h1', {}, t(source.kind === 'camera' ? 'checkTitle' : 'startRecording')),
      h('p', { class: 'lead' }, t(source.kind === 'camera' ? 'checkText' : 'startHint')),
    ),
    stage.element,
    h(
      'div',
      { class: 'side' },
      h('ul', { class: 'checks' }, ...Object.values(rows).map(({ element }) => element)),
      cameras,
      fault.element,
      notice.element,
      h('div', { class: 'row' }, start, other),
    ),
  )
}
