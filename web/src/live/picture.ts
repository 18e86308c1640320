import { h } from '../ui/dom.ts'
import { t, type Word } from '../words/language.ts'
import { askForCamera } from './camera-fault.ts'
import type { SourceState } from './source.ts'
import { createStillness } from './stillness.ts'

const WANTED: MediaTrackConstraints = {
  width: { ideal: 640 },
  height: { ideal: 480 },
  facingMode: 'user',
  frameRate: { ideal: 15, max: 30 },
}

type OnState = (state: SourceState['camera'], fault: Word | null) => void

/** What the camera sees: this one if it is there, else any. */
export function openPicture(deviceId: string | undefined, onState: OnState) {
  const video = h('video', { muted: true, playsinline: true, 'aria-label': t('preview') })
  video.muted = true
  const isStill = createStillness()
  let stream: MediaStream | undefined
  let isClosed = false
  let said: SourceState['camera'] = 'waiting'

  const say = (state: SourceState['camera'], fault: Word | null = null) => {
    if (state === said || isClosed) return
    said = state
    onState(state, fault)
  }
  const interrupted = () => say('interrupted', 'cameraInterrupted')

  const letGo = () => {
    if (stream !== undefined) stop(stream)
    stream = undefined
    video.srcObject = null
  }

  const follow = (opened: MediaStream) => {
    for (const track of opened.getVideoTracks()) {
      track.onmute = interrupted
      track.onunmute = () => say('ready')
      track.onended = () => {
        if (opened !== stream) return
        letGo()
        say('failed', 'cameraGone')
      }
    }
  }

  return {
    video,

    /** Asks for the camera, also once more when there was none. */
    async open(): Promise<void> {
      letGo()
      say('waiting')
      const own = deviceId === undefined ? [] : [{ ...WANTED, deviceId: { exact: deviceId } }]
      const opened = await askForCamera([...own, WANTED, true])
      if (typeof opened === 'string') say('failed', opened)
      else if (isClosed) stop(opened)
      else {
        stream = opened
        follow(opened)
        video.srcObject = opened
        await video.play().then(() => say('ready'), interrupted)
      }
    },

    /** The present picture; none while the camera gives none. */
    async take(): Promise<ImageBitmap | undefined> {
      if (stream === undefined || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return undefined
      if (stream.getVideoTracks().some(({ muted }) => muted)) return undefined
      const picture = await createImageBitmap(video)
      if (!isStill(picture)) {
        say('ready')
        return picture
      }
      interrupted()
      picture.close()
      return undefined
    },

    close(): void {
      isClosed = true
      letGo()
    },
  }
}

const stop = (stream: MediaStream) => {
  for (const track of stream.getTracks()) track.stop()
}
