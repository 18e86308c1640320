import { BASE } from '../base.ts'

/** Path of the model's files, copied there by `web/vite.config.ts`. */
export const FACE_PATH = `${BASE}/face-mesh/`

/** The reason when WebGL 2 is not available. */
export const NO_WEBGL2 = 'no WebGL 2'

export type ToFace = { readonly image: ImageBitmap }

export type FromFace =
  | { readonly kind: 'ready' }
  /** x, y, z of 478 points; null without a face. */
  | { readonly kind: 'points'; readonly points: Float32Array | null }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The WebGL context was lost: the model can no longer find faces. */
  | { readonly kind: 'lost' }
