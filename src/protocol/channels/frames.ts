import type { Static } from 'typebox'
import type { Channel } from '../../domain/session.ts'
import type { WindowAnswer } from '../../protocol/session-events.ts'
import type { SERVER_FRAMES } from './server-frames.ts'
import type { Failed } from './every-channel.ts'
import type { DeepReadonly } from './frame.ts'
import type { EmotionUpdate } from './landmarks.ts'
import type { StatusUpdate } from './session.ts'

/** All server frames. The payload is in `data`, except for `pong`. */
export type ServerFrame = DeepReadonly<Static<(typeof SERVER_FRAMES)[Channel][number]>>

export type ErrorFrame = DeepReadonly<Static<typeof Failed>>
export type EmotionUpdateFrame = DeepReadonly<Static<typeof EmotionUpdate>>

/** What the client should do after an error. */
export type ErrorAction = NonNullable<ErrorFrame['data']['action']>

/** The session fields of the session channel. */
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

/** Builds `emotion_update` for the protocol of the socket; `revision` 2 is a late answer of a model. */
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
