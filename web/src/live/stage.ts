import { h } from '../ui/dom.ts'
import { t } from '../words/language.ts'
import { createMeter, type Motion } from './measures.ts'
import { createOutline } from './outline.ts'
import { type Face, type FaceSource, type SourceState, WAITING } from './source.ts'

export type FaceEvent = { readonly face: Face; readonly motion: Motion | undefined }
export type Stage = ReturnType<typeof createStage>

/** The preview with the outline of the face. Forwards faces and states of the source to one listener each. */
export function createStage(source: FaceSource) {
  const outline = createOutline()
  const meter = createMeter()
  const caption = h('p', { class: 'caption' }, t(source.kind === 'camera' ? 'neverSent' : 'syntheticFace'))
  const label = t(source.kind === 'camera' ? 'preview' : 'previewRecording')
  let onFace: (event: FaceEvent) => void = () => undefined
  let onState: (state: SourceState) => void = () => undefined
  let state = WAITING

  source.onState((next) => {
    state = next
    onState(next)
  })
  source.onFace((face) => {
    const motion = meter.measure(face)
    outline.draw(face, motion)
    onFace({ face, motion })
  })

  return {
    element: h(
      'figure',
      { class: `stage ${source.kind}`, 'aria-label': label },
      source.preview,
      outline.element,
      caption,
    ),
    caption,
    /** Replaces the listener. */
    onFace(listener: (event: FaceEvent) => void): void {
      onFace = listener
    },
    onState(listener: (state: SourceState) => void): void {
      onState = listener
      listener(state)
    },
  }
}
