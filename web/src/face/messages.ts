import { BASE } from '../base.ts'

/** Where the model's files are, as `web/vite.config.ts` puts them there. */
export const FACE_PATH = `${BASE}/face-mesh/`

/** Why the model failed where the browser, or its settings, have no WebGL 2. */
export const NO_WEBGL2 = 'no WebGL 2'

export type ToFace = { readonly picture: ImageBitmap }

export type FromFace =
  | { readonly kind: 'ready' }
  /** x, y, z of 478 points; null when there is no face. */
  | { readonly kind: 'points'; readonly points: Float32Array | null }
  | { readonly kind: 'failed'; readonly reason: string }
  /** The graphics that it computes with are gone: it would find no face any more. */
  | { readonly kind: 'lost' }
