import type { TextKey } from '../words/language.ts'

/** User-facing text for each error name of `getUserMedia`, legacy names included. */
const TEXTS: Readonly<Record<string, TextKey>> = {
  NotAllowedError: 'cameraDenied',
  PermissionDeniedError: 'cameraDenied',
  SecurityError: 'cameraDenied',
  NotReadableError: 'cameraBusy',
  TrackStartError: 'cameraBusy',
  AbortError: 'cameraBusy', // Firefox: another program is using the camera
  NotFoundError: 'cameraMissing',
  DevicesNotFoundError: 'cameraMissing',
  OverconstrainedError: 'cameraUnfit',
  ConstraintNotSatisfiedError: 'cameraUnfit',
}
/** With these errors the next constraints may still succeed. */
const MAY_RETRY = new Set<TextKey>(['cameraUnfit', 'cameraMissing'])

export const getCameraFault = (error: unknown): TextKey => {
  const { name } = Object(error ?? {}) as { readonly name?: unknown } // older browsers reject with other objects
  return (typeof name === 'string' ? TEXTS[name] : undefined) ?? 'cameraBroken'
}

/** Opens a stream for the first of the `constraints` that a camera can satisfy, or returns the text of the error. */
export async function requestCamera(
  constraints: readonly (MediaTrackConstraints | true)[],
): Promise<MediaStream | TextKey> {
  // Undefined on plain http and in some in-app browsers, despite the types.
  const devices = navigator.mediaDevices as Partial<MediaDevices> | undefined
  if (devices?.getUserMedia === undefined) return isSecureContext ? 'cameraUnsupported' : 'cameraInsecure'
  let fault: TextKey = 'cameraBroken'
  for (const video of constraints) {
    try {
      return await devices.getUserMedia({ video })
    } catch (error) {
      fault = getCameraFault(error)
      if (!MAY_RETRY.has(fault)) break
    }
  }
  return fault
}
