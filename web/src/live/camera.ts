import { h } from '../ui/dom.ts'
import { t } from '../words/language.ts'
import { openFaceModel } from './face-model.ts'
import type { Face, FaceSource, SourceState } from './source.ts'

const WANTED: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 480 },
  facingMode: 'user',
  frameRate: { ideal: 15, max: 30 },
}
/** More than the server can use is not looked at. */
const SHUTTER_MS = 66
/** A model that stumbles over one picture may find the next; one that always does has broken. */
const MOST_FAILURES = 5

/** The camera of this device. Pictures go to the preview and to the face model, and nowhere else. */
export function openCamera(deviceId?: string): FaceSource {
  const video = h('video', { muted: true, playsinline: true, 'aria-label': t('preview') })
  video.muted = true
  const model = openFaceModel()
  model.ready.catch(() => undefined) // said by `start`
  let onFace: (face: Face) => void = () => undefined
  let onState: (state: SourceState) => void = () => undefined
  let state: SourceState = { camera: 'waiting', model: 'waiting' }
  let stream: MediaStream | undefined
  const closed = new AbortController()
  const isOpen = () => !closed.signal.aborted
  let timer: ReturnType<typeof setTimeout> | undefined

  const change = (part: Partial<SourceState>) => {
    state = { ...state, ...part }
    if (isOpen()) onState(state)
  }

  const look = async (failures: number): Promise<void> => {
    if (!isOpen()) return
    const begun = performance.now()
    let failed = failures
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      const { videoWidth: width, videoHeight: height } = video
      try {
        const points = await model.find(await createImageBitmap(video))
        failed = 0
        if (isOpen()) onFace({ points, width, height })
      } catch {
        if (++failed >= MOST_FAILURES) change({ model: 'failed' })
      }
    }
    if (!isOpen() || failed >= MOST_FAILURES) return
    timer = setTimeout(() => void look(failed), Math.max(0, SHUTTER_MS - (performance.now() - begun)))
  }

  const openVideo = async () => {
    try {
      const wanted = deviceId === undefined ? WANTED : { ...WANTED, deviceId: { exact: deviceId } }
      const opened = await navigator.mediaDevices.getUserMedia({ video: wanted })
      if (!isOpen()) {
        stop(opened)
        return
      }
      stream = opened
      video.srcObject = opened
      for (const track of opened.getVideoTracks()) track.onended = () => change({ camera: 'failed' })
      await video.play()
      change({ camera: 'ready' })
    } catch (error) {
      change({ camera: 'failed' })
      throw error
    }
  }

  const openModel = async () => {
    try {
      await model.ready
      change({ model: 'ready' })
    } catch (error) {
      change({ model: 'failed' })
      throw error
    }
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
      await Promise.all([openVideo(), openModel()])
      void look(0)
    },
    close() {
      closed.abort()
      clearTimeout(timer)
      if (stream !== undefined) stop(stream)
      video.srcObject = null
      model.close()
    },
  }
}

const stop = (stream: MediaStream) => {
  for (const track of stream.getTracks()) track.stop()
}
