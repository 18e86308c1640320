import type { Static } from 'typebox'
import type { Channel } from '../../domain/session.ts'
import type { WindowAnswer } from '../../plugins/hub.ts'
import type { SERVER_FRAMES } from './frame-schemas.ts'
import type { Failed } from './schemas/every-channel.ts'
import type { DeepReadonly } from './schemas/frame.ts'
import type { EmotionUpdate } from './schemas/landmarks.ts'
import type { StatusUpdate } from './schemas/session.ts'

/** Everything that goes from the server to a client. Payloads sit in `data`; `pong` is the one exception. */
export type ServerFrame = DeepReadonly<Static<(typeof SERVER_FRAMES)[Channel][number]>>

export type ErrorFrame = DeepReadonly<Static<typeof Failed>>
export type EmotionUpdateFrame = DeepReadonly<Static<typeof EmotionUpdate>>

/** What a client had best do about an error. */
export type ErrorAction = NonNullable<ErrorFrame['data']['action']>

/** What of a session the session channel shows. */
type StatusData = DeepReadonly<Static<typeof StatusUpdate>>['data']

export type StatusFrameType = 'status_update' | 'pause_success' | 'resume_success' | 'end_success'

export const toStatusFrame = (type: StatusFrameType, view: StatusData): ServerFrame => ({
  type,
  data: {
    sessionId: view.sessionId,
    status: view.status,
    startedAt: view.startedAt,
    pausedAt: view.pausedAt,
    resumedAt: view.resumedAt,
    endedAt: view.endedAt,
    duration: view.duration,
    emotionCount: view.emotionCount,
    landmarkCount: view.landmarkCount,
  },
})

/** The answer as this socket's protocol shows it; `revision` 2 is a model's answer that came late. */
export const toEmotionUpdate = (answer: WindowAnswer, isV2: boolean, revision = 1): EmotionUpdateFrame => ({
  type: 'emotion_update',
  data: {
    emotion: answer.reading.emotion,
    timestamp: answer.closedAt,
    frameCount: answer.frameCount,
    sttSnippet: answer.sttSnippet ?? '',
    confidence: answer.reading.confidence,
    uncertain: answer.reading.uncertain,
    scores: answer.reading.scores,
    valence: answer.reading.valence,
    arousal: answer.reading.arousal,
    dominance: answer.reading.dominance,
    source: answer.source,
    model: answer.model,
    window: answer.window,
    ...(answer.intervention === null ? {} : { intervention: answer.intervention }),
    ...(isV2 ? { revision } : {}),
  },
})
