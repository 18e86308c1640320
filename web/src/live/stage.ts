import { h } from '../ui/dom.ts'
import { t } from '../words/language.ts'
import { createMeter, type Motion } from './measures.ts'
import { createOutline } from './outline.ts'
import { type Face, type FaceSource, type SourceState, WAITING } from './source.ts'

export type Seen = { readonly face: Face; readonly motion: Motion | undefined }
export type Stage = ReturnType<typeof createStage>

/** The preview with the face's outline over it. Hears the source, and tells whoever wants to know. */
export function createStage(source: FaceSource) {
  const outline = createOutline()
  const meter = createMeter()
  const caption = h('p', { class: 'caption' }, t(source.kind === 'camera' ? 'neverSent' : 'syntheticFace'))
  const label = t(source.kind === 'camera' ? 'preview' : 'previewRecording')
  let onSeen: (seen: Seen) => void = () => undefined
  let onState: (state: SourceState) => void = () => undefined
  let state = WAITING

  source.onState((next) => {
    state = next
    onState(next)
  })
  source.onFace((face) => {
    const motion = meter.measure(face)
    outline.draw(face, motion)
    onSeen({ face, motion })
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
    /** The one who listens now; before it another one did. */
    onSeen(listener: (seen: Seen) => void): void {
      onSeen = listener
    },
    onState(listener: (state: SourceState) => void): void {
      onState = listener
      listener(state)
    },
  }
}
