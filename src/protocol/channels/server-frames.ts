import { LANDMARKS_FRAMES } from './landmarks.ts'
import { SESSION_FRAMES } from './session.ts'
import { VOICE_FRAMES } from './voice.ts'

/** All server frames by channel; types, documents and tests are derived from it. */
export const SERVER_FRAMES = {
  landmarks: LANDMARKS_FRAMES,
  voice: VOICE_FRAMES,
  session: SESSION_FRAMES,
} as const
