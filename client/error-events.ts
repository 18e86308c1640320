import { monotonic } from './environment.ts'
import type { ErrorEvent } from './frames.ts'

const INVALID_MESSAGE_INTERVAL_MS = 1000
const INVALID_FACE =
  'Not face points: push 468 or 478 points with x, y, z (x and y as fractions of the image), or the same numbers as a Float32Array.'

/** Emits errors that the client itself detects; one that repeats with each message or face is not emitted each time. */
export function createErrorEvents(emit: (event: ErrorEvent) => void) {
  let invalidMessageAt = Number.NEGATIVE_INFINITY
  let isInvalidFaceReported = false
  return {
    reportInvalidMessage(): void {
      if (monotonic() - invalidMessageAt < INVALID_MESSAGE_INTERVAL_MS) return
      invalidMessageAt = monotonic()
      emit({ code: 'BAD_MESSAGE', message: 'the server sent an invalid message', retryable: true })
    },

    reportInvalidFace(): void {
      if (isInvalidFaceReported) return
      isInvalidFaceReported = true
      emit({ code: 'INVALID_FRAME', message: INVALID_FACE, retryable: false })
    },
  }
}
