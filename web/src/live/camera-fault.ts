import type { Word } from '../words/language.ts'

/** Names of what `getUserMedia` rejects with, old ones included, and the sentence that says what to do. */
const WORDS: Readonly<Record<string, Word>> = {
  NotAllowedError: 'cameraDenied',
  PermissionDeniedError: 'cameraDenied',
  SecurityError: 'cameraDenied',
  NotReadableError: 'cameraBusy',
  TrackStartError: 'cameraBusy',
  AbortError: 'cameraBusy', // so Firefox calls a camera that another program has
  NotFoundError: 'cameraMissing',
  DevicesNotFoundError: 'cameraMissing',
  OverconstrainedError: 'cameraUnfit',
  ConstraintNotSatisfiedError: 'cameraUnfit',
}
const NEXT_MAY_FIT = new Set<Word>(['cameraUnfit', 'cameraMissing'])

export const cameraFaultOf = (error: unknown): Word => {
  const { name } = Object(error ?? {}) as { readonly name?: unknown } // older ones are no DOMException
  return (typeof name === 'string' ? WORDS[name] : undefined) ?? 'cameraBroken'
}

/** A stream that fits the first of `wishes` that any camera can fulfil, or the sentence that says why there is none. */
export async function askForCamera(
  wishes: readonly (MediaTrackConstraints | true)[],
): Promise<MediaStream | Word> {
  // Neither on plain http nor in the browsers of some apps, whatever the types say.
  const devices = navigator.mediaDevices as Partial<MediaDevices> | undefined
  if (devices?.getUserMedia === undefined) return isSecureContext ? 'cameraUnsupported' : 'cameraInsecure'
  let fault: Word = 'cameraBroken'
  for (const video of wishes) {
    try {
      return await devices.getUserMedia({ video })
    } catch (error) {
      fault = cameraFaultOf(error)
      if (!NEXT_MAY_FIT.has(fault)) break
    }
  }
  return fault
}
