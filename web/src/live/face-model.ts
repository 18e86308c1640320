import { BASE } from '../base.ts'
import type { FromFace } from '../face/messages.ts'
import { h } from '../ui/dom.ts'

/** The model is 17 MB and compiles itself. */
const READY_MS = 120_000
const ANSWER_MS = 30_000

export type FaceModel = {
  readonly ready: Promise<void>
  /**
   * Points of the face in the picture, which is given away; null when there is none, `lost` when this model will find
   * none any more. One at a time.
   */
  readonly find: (picture: ImageBitmap) => Promise<Float32Array | null | 'lost'>
  readonly close: () => void
}

/** The face model behind its wall: a frame that has no origin, and so no login, storage or name. */
export function openFaceModel(): FaceModel {
  const frame = h('iframe', {
    src: `${BASE}/face.html`,
    sandbox: 'allow-scripts',
    title: 'face model',
    class: 'hidden-frame',
    'aria-hidden': 'true',
    tabindex: -1,
  })
  let hear: ((message: FromFace) => void) | undefined
  const onMessage = ({ source, data }: MessageEvent<FromFace>) => {
    if (source === frame.contentWindow) hear?.(data)
  }

  /** The next word from the frame, which must come in time. */
  const next = (withinMs: number): Promise<FromFace> =>
    new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the face model does not answer')), withinMs)
      hear = (message) => {
        clearTimeout(late)
        resolve(message)
      }
    })

  addEventListener('message', onMessage)
  document.body.append(frame)
  const ready = next(READY_MS).then((message) => {
    if (message.kind === 'failed') throw new Error(message.reason)
  })
  ready.catch(() => undefined) // it may have been closed before anybody waits

  return {
    ready,
    async find(picture) {
      const answer = next(ANSWER_MS)
      frame.contentWindow?.postMessage({ picture }, '*', [picture]) // it has no origin to name
      const message = await answer
      if (message.kind === 'failed') throw new Error(message.reason)
      if (message.kind === 'lost') return 'lost'
      return message.kind === 'points' ? message.points : null
    },
    close() {
      removeEventListener('message', onMessage)
      frame.remove()
    },
  }
}
