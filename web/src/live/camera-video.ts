import { h } from '../ui/dom.ts'
import { t, type TextKey } from '../words/language.ts'
import { requestCamera } from './camera-fault.ts'
import type { SourceState } from './source.ts'
import { createFreezeDetector } from './freeze-detector.ts'

const WANTED: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 480 },
  facingMode: 'user',
  frameRate: { ideal: 15, max: 30 },
}

type OnState = (state: SourceState['camera'], fault: TextKey | null) => void

/** Video of the selected camera if it is connected, else of any camera. */
export function openCameraVideo(deviceId: string | undefined, onState: OnState) {
  const video = h('video', { muted: true, playsinline: true, 'aria-label': t('preview') })
  video.muted = true
  const isFrozen = createFreezeDetector()
  let stream: MediaStream | undefined
  let isClosed = false
  let current: SourceState['camera'] = 'waiting'

  const setState = (state: SourceState['camera'], fault: TextKey | null = null) => {
    if (state === current || isClosed) return
    current = state
    onState(state, fault)
  }
  const setInterrupted = () => setState('interrupted', 'cameraInterrupted')

  const release = () => {
    if (stream !== undefined) stopTracks(stream)
    stream = undefined
    video.srcObject = null
  }

  const watchTracks = (opened: MediaStream) => {
    for (const track of opened.getVideoTracks()) {
      track.onmute = setInterrupted
      track.onunmute = () => setState('ready')
      track.onended = () => {
        if (opened !== stream) return
        release()
        setState('failed', 'cameraGone')
      }
    }
  }

  return {
    video,

    /** Requests the camera; may be called again after a failure. */
    async open(): Promise<void> {
      release()
      setState('waiting')
      const own = deviceId === undefined ? [] : [{ ...WANTED, deviceId: { exact: deviceId } }]
      const opened = await requestCamera([...own, WANTED, true])
      if (typeof opened === 'string') setState('failed', opened)
      else if (isClosed) stopTracks(opened)
      else {
        stream = opened
        watchTracks(opened)
        video.srcObject = opened
        await video.play().then(() => setState('ready'), setInterrupted)
      }
    },

    /** Captures the current image; undefined while the camera delivers none. */
    async take(): Promise<ImageBitmap | undefined> {
      if (stream === undefined || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return undefined
      if (stream.getVideoTracks().some(({ muted }) => muted)) return undefined
      const image = await createImageBitmap(video)
      if (!isFrozen(image)) {
        setState('ready')
        return image
      }
      setInterrupted()
      image.close()
      return undefined
    },

    close(): void {
      isClosed = true
      release()
    },
  }
}

const stopTracks = (stream: MediaStream) => {
  for (const track of stream.getTracks()) track.stop()
}
