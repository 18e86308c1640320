import { NO_WEBGL2 } from '../face/messages.ts'
import type { TextKey } from '../words/language.ts'
import { openFaceModel } from './face-model.ts'
import type { SourceState } from './source.ts'

/** Consecutive failures after which the model is reloaded. */
const MAX_FAILURES = 5
/** Consecutive reloads, for example after a lost WebGL context, before giving up. */
const MAX_RELOADS = 3

type OnState = (state: SourceState['model'], fault: TextKey | null) => void

/** The face model, reloaded when it fails. */
export function openFaceFinder(onState: OnState) {
  let model = openFaceModel()
  let failures = 0
  let reloads = 0
  let isReady = false
  let isFailed = false
  let isClosed = false

  const setFailed = (fault: TextKey) => {
    isReady = false
    isFailed = true
    if (!isClosed) onState('failed', fault)
  }

  const wait = async (): Promise<void> => {
    const current = model
    onState('waiting', null)
    try {
      await current.ready
      isReady = true
      onState('ready', null)
    } catch (error) {
      const isWebglMissing = error instanceof Error && error.message === NO_WEBGL2
      setFailed(isWebglMissing ? 'modelNeedsWebgl' : 'modelFailed')
    }
  }

  const reload = async (): Promise<void> => {
    isReady = false
    isFailed = false
    failures = 0
    model.close()
    model = openFaceModel()
    await wait()
  }

  return {
    /** Waits for the model, or reloads it after a failure. */
    async open(): Promise<void> {
      reloads = 0
      if (isReady) return
      await (isFailed ? reload() : wait())
    },

    /** Finds the points of the face; null without a face, undefined without a result. Takes ownership of the image. */
    async find(image: ImageBitmap): Promise<Float32Array | null | undefined> {
      if (!isReady) {
        image.close()
        return undefined
      }
      try {
        const points = await model.find(image)
        if (points === 'lost') failures = MAX_FAILURES
        else {
          failures = 0
          reloads = 0
          return points
        }
      } catch {
        failures++
      }
      if (isClosed || failures < MAX_FAILURES) return undefined
      if (reloads++ < MAX_RELOADS) await reload()
      else setFailed('modelStopped')
      return undefined
    },

    close(): void {
      isClosed = true
      model.close()
    },
  }
}
