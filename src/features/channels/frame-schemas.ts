import { LANDMARKS_FRAMES } from './schemas/landmarks.ts'
import { SESSION_FRAMES } from './schemas/session.ts'
import { VOICE_FRAMES } from './schemas/voice.ts'

/** Everything that the server sends, by channel. Types, documents and tests read this one. */
export const SERVER_FRAMES = {
  landmarks: LANDMARKS_FRAMES,
  voice: VOICE_FRAMES,
  session: SESSION_FRAMES,
} as const
