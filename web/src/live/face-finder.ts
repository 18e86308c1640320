import { NO_WEBGL2 } from '../face/messages.ts'
import type { Word } from '../words/language.ts'
import { openFaceModel } from './face-model.ts'
import type { SourceState } from './source.ts'

/** A model that stumbles over one picture may find the next; one that always does has broken. */
const MOST_FAILURES = 5
/** Graphics are lost when a device sleeps or a driver starts anew; one that loses them at once will again. */
const MOST_REBUILDS = 3

type OnState = (state: SourceState['model'], fault: Word | null) => void

/** The face model, made anew when it has broken, a few times in a row. */
export function openFaceFinder(onState: OnState) {
  let model = openFaceModel()
  let failures = 0
  let rebuilds = 0
  let isReady = false
  let isBroken = false
  let isClosed = false

  const broken = (fault: Word) => {
    isReady = false
    isBroken = true
    if (!isClosed) onState('failed', fault)
  }

  const wait = async (): Promise<void> => {
    const mine = model
    onState('waiting', null)
    try {
      await mine.ready
      isReady = true
      onState('ready', null)
    } catch (error) {
      const isWebglMissing = error instanceof Error && error.message === NO_WEBGL2
      broken(isWebglMissing ? 'modelNeedsWebgl' : 'modelFailed')
    }
  }

  const rebuild = async (): Promise<void> => {
    isReady = false
    isBroken = false
    failures = 0
    model.close()
    model = openFaceModel()
    await wait()
  }

  return {
    /** Waits for the model, or tries it again. */
    async open(): Promise<void> {
      rebuilds = 0
      if (isReady) return
      await (isBroken ? rebuild() : wait())
    },

    /** Points of the face in the picture, which is given away; null without a face, undefined without an answer. */
    async find(picture: ImageBitmap): Promise<Float32Array | null | undefined> {
      if (!isReady) {
        picture.close()
        return undefined
      }
      try {
        const points = await model.find(picture)
        if (points === 'lost') failures = MOST_FAILURES
        else {
          failures = 0
          rebuilds = 0
          return points
        }
      } catch {
        failures++
      }
      if (isClosed || failures < MOST_FAILURES) return undefined
      if (rebuilds++ < MOST_REBUILDS) await rebuild()
      else broken('modelStopped')
      return undefined
    },

    close(): void {
      isClosed = true
      model.close()
    },
  }
}
