import { openFaceFinder } from './face-finder.ts'
import { openCameraVideo } from './camera-video.ts'
import { type Face, type FaceSource, type SourceState, WAITING } from './source.ts'

/** Minimum time between two images. */
const CAPTURE_INTERVAL_MS = 66

/** The camera of this device. Images are passed only to the preview and to the face model. */
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
  const cameraVideo = openCameraVideo(deviceId, (camera, fault) => {
    faults.camera = fault
    change({ camera })
  })
  const finder = openFaceFinder((model, fault) => {
    faults.model = fault
    change({ model })
  })
  const { video } = cameraVideo

  /** Processes one image after the other; without an image there is no face. */
  const processNext = async (): Promise<void> => {
    const startedAt = performance.now()
    const image = await cameraVideo.take().catch(() => undefined)
    const points = image === undefined ? null : await finder.find(image)
    if (isClosed) return
    const { videoWidth: width, videoHeight: height } = video
    if (points !== undefined) onFace({ points, width, height, ageMs: performance.now() - startedAt })
    timer = setTimeout(
      () => void processNext(),
      Math.max(0, CAPTURE_INTERVAL_MS - (performance.now() - startedAt)),
    )
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
      await Promise.all([cameraVideo.open(), finder.open()])
      if (isRunning || isClosed) return
      isRunning = true
      void processNext()
    },
    close() {
      isClosed = true
      clearTimeout(timer)
      cameraVideo.close()
      finder.close()
    },
  }
}
