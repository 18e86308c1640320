import { Type } from 'typebox'
import { MESH_POINTS, REFINED_POINTS } from '../../domain/face/points.ts'
import { Count, Nullable, Time } from '../common-schemas.ts'
import { frame, V2_ONLY } from './frame.ts'

/** A client message without a payload. */
const emptyMessage = <Name extends string>(type: Name, description: string, options: object = {}) =>
  Type.Object({ type: Type.Literal(type) }, { description, examples: [{ type }], ...options })

/** A message to the counsellor. An unknown emotion label counts as none. */
export const AiRequest = Type.Object({
  message: Type.String({ maxLength: 2000, pattern: '\\S' }),
  emotion: Type.Optional(Nullable(Type.String())),
  timestamp: Type.Optional(Type.Unknown()),
})

const Coordinate = Type.Number({ minimum: -16, maximum: 16 })
const Side = Type.Number({ minimum: 1, maximum: 16_384, description: 'Pixels.' })

/** Parsed by a dedicated single-pass decoder. */
const Landmarks = Type.Object(
  {
    type: Type.Literal('landmarks'),
    data: Type.Array(Type.Object({ x: Coordinate, y: Coordinate, z: Coordinate }), {
      minItems: MESH_POINTS,
      maxItems: REFINED_POINTS,
      description: `${REFINED_POINTS} points of a face mesh, or ${MESH_POINTS} without irises; x and y are fractions of the image's width and height.`,
    }),
    timestamp: Type.Optional(Time),
    width: Type.Optional(Side),
    height: Type.Optional(Side),
    frame: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'maeum.v2: frame number, increasing within the session.',
      }),
    ),
  },
  { description: 'One frame, about ten per second.' },
)
const Resume = frame(
  'resume',
  'The last window whose answer was received and the last frame that was sent; invalid numbers count as 0.',
  Type.Object({ window: Count, frame: Count }),
  { window: 1, frame: 45 },
  V2_ONLY,
)
/** How long the neutral face is shown. */
export const CalibrateRequest = Type.Object({
  durationMs: Type.Integer({ minimum: 1000, maximum: 10_000, default: 3000, description: 'Milliseconds.' }),
})
const Calibrate = frame(
  'calibrate',
  'The user shows a neutral face from now on. Answered by `calibrated` after that time, or by an `error`.',
  Type.Partial(CalibrateRequest),
  { durationMs: 3000 },
  V2_ONLY,
)
const Ping = emptyMessage('ping', 'Answered by `pong` on every channel in every state.')

/** All client messages except those of the voice channel. */
export const CLIENT_MESSAGES = {
  landmarks: [Landmarks, Resume, Calibrate, Ping],
  session: [
    emptyMessage('pause', 'Pause the session.'),
    emptyMessage('resume', 'Resume the session.'),
    emptyMessage('end', 'End the session.'),
    emptyMessage('get_status', 'Answered by `status_update`.'),
    frame('request_ai_response', 'Send a message to the counsellor.', AiRequest, {
      message: '발표를 망칠까 봐 너무 불안해요',
      emotion: 'anxious',
      timestamp: 1_795_422_445_570,
    }),
    Ping,
  ],
  voice: [Ping],
} as const
