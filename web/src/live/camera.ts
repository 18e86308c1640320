import { openFaceFinder } from './face-finder.ts'
import { openPicture } from './picture.ts'
import { type Face, type FaceSource, type SourceState, WAITING } from './source.ts'

/** More than the server can use is not looked at. */
const SHUTTER_MS = 66

/** The camera of this device. Pictures go to the preview and to the face model, and nowhere else. */
export function openCamera(deviceId?: string): FaceSource {
  let onFace: (face: Face) => void = () => undefined
  let onState: (state: SourceState) => void = () => undefined
  let state = WAITING
  const faults: Record<'camera' | 'model', SourceState['fault']> = { camera: null, model: null }
  let isClosed = false
  let isRunning = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const change = (part: Partial<SourceState>) => {
    state = { ...state, ...part, fault: faults.camera ?? faults.model }
    if (!isClosed) onState(state)
  }
  const picture = openPicture(deviceId, (camera, fault) => {
    faults.camera = fault
    change({ camera })
  })
  const finder = openFaceFinder((model, fault) => {
    faults.model = fault
    change({ model })
  })
  const { video } = picture

  /** One picture after the other; while there are none, nobody is in sight. */
  const look = async (): Promise<void> => {
    const begun = performance.now()
    const taken = await picture.take().catch(() => undefined)
    const points = taken === undefined ? null : await finder.find(taken)
    if (isClosed) return
    const { videoWidth: width, videoHeight: height } = video
    if (points !== undefined) onFace({ points, width, height, ageMs: performance.now() - begun })
    timer = setTimeout(() => void look(), Math.max(0, SHUTTER_MS - (performance.now() - begun)))
  }

  return {
    kind: 'camera',
    preview: video,
    onFace: (listener) => {
      onFace = listener
    },
    onState: (listener) => {
      onState = listener
      listener(state)
    },
    async start() {
      await Promise.all([picture.open(), finder.open()])
      if (isRunning || isClosed) return
      isRunning = true
      void look()
    },
    close() {
      isClosed = true
      clearTimeout(timer)
      picture.close()
      finder.close()
    },
  }
}
