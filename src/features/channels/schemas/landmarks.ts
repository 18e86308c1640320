import { Type } from 'typebox'
import { EMOTIONS, type Emotion } from '../../../domain/emotion.ts'
import { ANSWER_SOURCES } from '../../../domain/session.ts'
import { Axis, Count, EmotionLabel, Intervention, Ratio, Time } from '../../../plugins/common-schemas.ts'
import { FRAME_FORMATS } from '../binary-frame.ts'
import { EVERY_CHANNEL, greeted } from './every-channel.ts'
import { GREETING, SESSION_ID, UPDATE_EXAMPLE } from './examples.ts'
import { frame, Milliseconds, NEWER_ONLY } from './frame.ts'

const Scores = Type.Object(
  // fromEntries forgets the names of its keys, which are the labels
  Object.fromEntries(EMOTIONS.map((label) => [label, Ratio])) as Record<Emotion, typeof Ratio>,
  { description: 'One for each label; they sum to 1.' },
)

export const LandmarksConnected = frame(
  'connected',
  'The first message on the landmarks channel.',
  Type.Object({
    channel: Type.Literal('landmarks'),
    ...greeted,
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
  'The one answer of a window with at least one valid frame, in the order of windows.',
  Type.Object({
    emotion: EmotionLabel,
    timestamp: Type.Integer({ description: 'Close of the window, ms since the epoch.' }),
    frameCount: Type.Integer({ minimum: 0, description: 'Frames analysed.' }),
    sttSnippet: Type.String({ description: 'What was said in the window; empty when nothing was.' }),
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
        description: 'maeum.v2 only. 1: the one answer; 2: a model’s that came after it.',
      }),
    ),
  }),
  UPDATE_EXAMPLE,
)
export const AnalysisSkipped = frame(
  'analysis_skipped',
  'A window has passed without an answer.',
  Type.Object({ window: Count, reason: Type.Enum(['paused', 'no_valid_frame']) }),
  { window: 5, reason: 'paused' },
  NEWER_ONLY,
)
export const Rate = frame(
  'rate',
  'Frames a second that are of use, and the forms in which they may come.',
  Type.Object({
    fps: Type.Number({ exclusiveMinimum: 0 }),
    formats: Type.Array(Type.Enum([...FRAME_FORMATS])),
  }),
  { fps: 4, formats: [...FRAME_FORMATS] },
  NEWER_ONLY,
)
export const Resumed = frame(
  'resumed',
  'The answer to `resume`: whether nothing is missing, the window that is open and the frame up to which nothing is wanted.',
  Type.Object({ recovered: Type.Boolean(), window: Count, frame: Count }),
  { recovered: true, window: 3, frame: 45 },
  NEWER_ONLY,
)
export const Calibrated = frame(
  'calibrated',
  'The answer to `calibrate`: from how many frames the neutral face is, and the first window that is read by it.',
  Type.Object({ window: Count, frameCount: Count, durationMs: Milliseconds }),
  { window: 3, frameCount: 30, durationMs: 3000 },
  NEWER_ONLY,
)
export const SessionPaused = frame(
  'session_paused',
  'The session was paused, by whomever.',
  Type.Object({ timestamp: Time }),
  { timestamp: 1_795_410_774_385 },
)
export const SessionResumed = frame(
  'session_resumed',
  'The session goes on.',
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
