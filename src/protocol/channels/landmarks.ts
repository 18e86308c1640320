import { Type } from 'typebox'
import { EMOTIONS, type Emotion } from '../../domain/emotion.ts'
import { ANSWER_SOURCES } from '../../domain/session.ts'
import { Axis, Count, EmotionLabel, Intervention, Ratio, Time } from '../common-schemas.ts'
import { FRAME_FORMATS } from './frame-formats.ts'
import { EVERY_CHANNEL, connectedFields } from './every-channel.ts'
import { GREETING, SESSION_ID, UPDATE_EXAMPLE } from './examples.ts'
import { frame, Milliseconds, V2_ONLY } from './frame.ts'

const Scores = Type.Object(
  // the type of `fromEntries` loses the keys
  Object.fromEntries(EMOTIONS.map((label) => [label, Ratio])) as Record<Emotion, typeof Ratio>,
  { description: 'One score per label, with a sum of 1.' },
)

export const LandmarksConnected = frame(
  'connected',
  'The first message on the landmarks channel.',
  Type.Object({
    channel: Type.Literal('landmarks'),
    ...connectedFields,
    analysisInterval: Milliseconds,
    maxFrames: Type.Integer({ minimum: 1, description: 'Frames of a window that are analysed.' }),
  }),
  {
    channel: 'landmarks',
    sessionId: SESSION_ID,
    message: GREETING,
    analysisInterval: 10_000,
    maxFrames: 40,
  },
)
export const AnalysisStarted = frame(
  'analysis_started',
  'A window has closed and is being analysed.',
  Type.Object({ window: Count, frameCount: Count, timestamp: Time }),
  { window: 2, frameCount: 40, timestamp: 1_795_410_773_650 },
)
export const EmotionUpdate = frame(
  'emotion_update',
  'The answer for a window with at least one valid frame, in the order of the windows.',
  Type.Object({
    emotion: EmotionLabel,
    timestamp: Type.Integer({ description: 'When the window closed, ms since the epoch.' }),
    frameCount: Type.Integer({ minimum: 0, description: 'Frames analysed.' }),
    sttSnippet: Type.String({ description: 'Text spoken in the window; empty if there was none.' }),
    confidence: Ratio,
    uncertain: Type.Boolean(),
    scores: Scores,
    valence: Axis,
    arousal: Axis,
    dominance: Axis,
    source: Type.Enum([...ANSWER_SOURCES]),
    model: Type.String(),
    window: Count,
    intervention: Type.Optional(Intervention),
    revision: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 2,
        description: 'maeum.v2 only. 1: the answer; 2: a late answer of a model.',
      }),
    ),
  }),
  UPDATE_EXAMPLE,
)
export const AnalysisSkipped = frame(
  'analysis_skipped',
  'A window ended without an answer.',
  Type.Object({ window: Count, reason: Type.Enum(['paused', 'no_valid_frame']) }),
  { window: 5, reason: 'paused' },
  V2_ONLY,
)
export const Rate = frame(
  'rate',
  'The frame rate that the server can use, and the frame formats that it accepts.',
  Type.Object({
    fps: Type.Number({ exclusiveMinimum: 0 }),
    formats: Type.Array(Type.Enum([...FRAME_FORMATS])),
  }),
  { fps: 4, formats: [...FRAME_FORMATS] },
  V2_ONLY,
)
export const Resumed = frame(
  'resumed',
  'The answer to `resume`: whether everything was recovered, the open window, and the last frame that need not be sent again.',
  Type.Object({ recovered: Type.Boolean(), window: Count, frame: Count }),
  { recovered: true, window: 3, frame: 45 },
  V2_ONLY,
)
export const Calibrated = frame(
  'calibrated',
  'The answer to `calibrate`: the number of frames that the neutral face is based on, and the first window that uses it.',
  Type.Object({ window: Count, frameCount: Count, durationMs: Milliseconds }),
  { window: 3, frameCount: 30, durationMs: 3000 },
  V2_ONLY,
)
export const SessionPaused = frame(
  'session_paused',
  'The session was paused.',
  Type.Object({ timestamp: Time }),
  { timestamp: 1_795_410_774_385 },
)
export const SessionResumed = frame(
  'session_resumed',
  'The session was resumed.',
  Type.Object({ timestamp: Time }),
  { timestamp: 1_795_410_774_585 },
)
export const SessionEnded = frame(
  'session_ended',
  'The session has ended; the last window’s answer follows, then the close.',
  Type.Object({ timestamp: Time, duration: Milliseconds }),
  { timestamp: 1_795_410_776_798, duration: 7148 },
)

export const LANDMARKS_FRAMES = [
  LandmarksConnected,
  AnalysisStarted,
  EmotionUpdate,
  AnalysisSkipped,
  Rate,
  Resumed,
  Calibrated,
  SessionPaused,
  SessionResumed,
  SessionEnded,
  ...EVERY_CHANNEL,
] as const
