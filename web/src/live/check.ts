import type { Client } from '../../../client/index.ts'
import { h } from '../ui/dom.ts'
import { runAction, createNotice } from '../ui/notice.ts'
import { t, type TextKey } from '../words/language.ts'
import { createCameraChoice } from './camera-choice.ts'
import type { FaceSource, SourceState } from './source.ts'
import { createSourceFault } from './source-fault.ts'
import type { Stage } from './stage.ts'

type Dependencies = {
  readonly client: Client
  readonly source: FaceSource
  readonly stage: Stage
  readonly begin: () => Promise<void>
  /** Switches to another camera or to the recording. */
  readonly useSource: (kind: FaceSource['kind'], deviceId?: string) => void
}

type Mark = 'waiting' | 'good' | 'bad'

function row(name: TextKey) {
  const text = h('span', { class: 'state' }, t('stateWaiting'))
  const element = h('li', { class: 'waiting' }, h('span', {}, t(name)), text)
  return {
    element,
    mark([kind, key]: readonly [Mark, TextKey]): void {
      if (text.textContent === t(key)) return
      element.className = kind
      text.textContent = t(key)
    },
  }
}

const STATES = {
  waiting: ['waiting', 'stateWaiting'],
  ready: ['good', 'stateReady'],
  interrupted: ['waiting', 'stateInterrupted'],
  failed: ['bad', 'stateFailed'],
} as const satisfies Record<SourceState['camera'], readonly [Mark, TextKey]>

/** Checks camera, face model, face and server before a session. */
export function createCheck({ client, source, stage, begin, useSource }: Dependencies): HTMLElement {
  const rows = {
    camera: row('checkCamera'),
    model: row('checkModel'),
    face: row('checkFace'),
    server: row('checkServer'),
  }
  const notice = createNotice('alert')
  const fault = createSourceFault(source)
  const start = h('button', { type: 'button', class: 'main', 'aria-disabled': 'true' }, t('begin'))
  const cameras = createCameraChoice(source, (id) => useSource('camera', id))
  let isServerReady = false
  let isReady = false

  const setReady = (ready: boolean) => {
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
    if (camera === 'ready' && source.kind === 'camera') void cameras.refresh()
  })
  // Once ready, a face that is turned away for a moment may still start.
  stage.onFace(({ face, motion }) => {
    if (face.points === null || motion === undefined) rows.face.mark(['waiting', 'stateNotFound'])
    else if (motion.isTurned) rows.face.mark(['waiting', 'stateTurned'])
    else rows.face.mark(['good', 'stateFound'])
    setReady(isServerReady && (isReady || face.points !== null))
  })

  const checkServer = async () => {
    try {
      await client.call('GET /api/auth/me')
      isServerReady = true
      rows.server.mark(['good', 'stateReady'])
    } catch {
      rows.server.mark(['bad', 'stateFailed'])
    }
  }

  start.addEventListener('click', () => void runAction(start, notice, begin))
  void checkServer()
  void source.start()
  const other =
    source.kind === 'camera'
      ? h(
          'button',
          { type: 'button', class: 'quiet', onclick: () => useSource('recording') },
          t('startRecording'),
        )
      : h('button', { type: 'button', class: 'quiet', onclick: () => useSource('camera') }, t('startCamera'))
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
      cameras.element,
      fault.element,
      notice.element,
      h('div', { class: 'row' }, start, other),
    ),
  )
}
