import { BASE } from '../base.ts'
import type { FromFace } from '../face/messages.ts'
import { h } from '../ui/dom.ts'

/** The model is 17 MB and needs compilation. */
const LOAD_TIMEOUT_MS = 120_000
const FIND_TIMEOUT_MS = 30_000

export type FaceModel = {
  readonly ready: Promise<void>
  /**
   * Finds the points of the face and takes ownership of the image; null without a face, `lost` when the WebGL context
   * was lost. One call at a time.
   */
  readonly find: (image: ImageBitmap) => Promise<Float32Array | null | 'lost'>
  readonly close: () => void
}

/** Loads the face model in a sandboxed frame, which has no origin and therefore no access to login and storage. */
export function openFaceModel(): FaceModel {
  const frame = h('iframe', {
    src: `${BASE}/face.html`,
    sandbox: 'allow-scripts',
    title: 'face model',
    class: 'hidden-frame',
    'aria-hidden': 'true',
    tabindex: -1,
  })
  let onAnswer: ((message: FromFace) => void) | undefined
  const onMessage = ({ source, data }: MessageEvent<FromFace>) => {
    if (source === frame.contentWindow) onAnswer?.(data)
  }

  /** Waits for the next message of the frame. */
  const next = (withinMs: number): Promise<FromFace> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the face model does not respond')), withinMs)
      onAnswer = (message) => {
        clearTimeout(timer)
        resolve(message)
      }
    })

  addEventListener('message', onMessage)
  document.body.append(frame)
  const ready = next(LOAD_TIMEOUT_MS).then((message) => {
    if (message.kind === 'failed') throw new Error(message.reason)
  })
  ready.catch(() => undefined) // may reject before it is awaited

  return {
    ready,
    async find(image) {
      const answer = next(FIND_TIMEOUT_MS)
      frame.contentWindow?.postMessage({ image }, '*', [image]) // the frame has no origin
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
