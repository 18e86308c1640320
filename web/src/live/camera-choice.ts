import { h } from '../ui/dom.ts'
import { choice } from '../ui/fields.ts'
import { t } from '../words/language.ts'
import type { FaceSource } from './source.ts'

/** A select of the cameras of this device; empty while there is only one. */
export function createCameraChoice(source: FaceSource, onChoose: (deviceId: string) => void) {
  const element = h('div', { class: 'cameras' })
  return {
    element,
    async refresh(): Promise<void> {
      const found = (await navigator.mediaDevices.enumerateDevices()).filter(
        ({ kind }) => kind === 'videoinput',
      )
      if (found.length < 2) return
      const options = found.map((device, i) => [device.deviceId, device.label || `${i + 1}`] as const)
      // The camera in use, which differs from the selected one if that is no longer connected.
      const { srcObject } = source.preview ?? {}
      const [track] = srcObject instanceof MediaStream ? srcObject.getVideoTracks() : []
      const current = track?.getSettings().deviceId ?? found[0]?.deviceId ?? ''
      element.replaceChildren(choice(t('whichCamera'), options, current, onChoose).element)
    },
  }
}
