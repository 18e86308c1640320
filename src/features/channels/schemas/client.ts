import { type TSchema, Type } from 'typebox'
import { MESH_POINTS, REFINED_POINTS } from '../../../domain/face/points.ts'
import { Count, Nullable, Time } from '../../../plugins/common-schemas.ts'
import { NEWER_ONLY } from './frame.ts'

/** A client's message without fields of its own. */
const bare = <Name extends string>(type: Name, description: string, options: object = {}) =>
  Type.Object({ type: Type.Literal(type) }, { description, examples: [{ type }], ...options })

/** A client's message; its fields are accepted beside `type` as well. */
export const message = <Name extends string, Data extends TSchema>(
  type: Name,
  data: Data,
  description: string,
  example: object,
  options: object = {},
) =>
  Type.Object(
    { type: Type.Literal(type), data },
    { description, examples: [{ type, data: example }], ...options },
  )

/** A question to the counsellor. A label that is none of ours is taken for none. */
export const AiRequest = Type.Object({
  message: Type.String({ maxLength: 2000, pattern: '\\S' }),
  emotion: Type.Optional(Nullable(Type.String())),
  timestamp: Type.Optional(Type.Unknown()),
})

const Coordinate = Type.Number({ minimum: -16, maximum: 16 })
const Side = Type.Number({ minimum: 1, maximum: 16_384, description: 'Pixels.' })

/** Read by a decoder of its own, which goes through the text once. */
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
        description: 'maeum.v2: the number of the frame, rising within its session.',
      }),
    ),
  },
  { description: 'One frame, about ten a second.' },
)
const Resume = message(
  'resume',
  Type.Object({ window: Count, frame: Count }),
  'The last window whose answer has arrived and the last frame sent; what is no such number counts as 0.',
  { window: 1, frame: 45 },
  NEWER_ONLY,
)
/** What `calibrate` asks for: how long the neutral face is shown. */
export const CalibrateRequest = Type.Object({
  durationMs: Type.Integer({ minimum: 1000, maximum: 10_000, default: 3000, description: 'Milliseconds.' }),
})
const Calibrate = message(
  'calibrate',
  Type.Partial(CalibrateRequest),
  'The person shows a neutral face from now on: answered by `calibrated` when the time is over, or by an `error`.',
  { durationMs: 3000 },
  NEWER_ONLY,
)
const Ping = bare('ping', 'Answered by `pong` on every channel in every state.')

/** Everything that a client may send, but what the voice channel hears. */
export const CLIENT_MESSAGES = {
  landmarks: [Landmarks, Resume, Calibrate, Ping],
  session: [
    bare('pause', 'Pause the session.'),
    bare('resume', 'Go on after a pause.'),
    bare('end', 'End the session.'),
    bare('get_status', 'Answered by `status_update`.'),
    message('request_ai_response', AiRequest, 'A question to the counsellor.', {
      message: '발표를 망칠까 봐 너무 불안해요',
      emotion: 'anxious',
      timestamp: 1_795_422_445_570,
    }),
    Ping,
  ],
  voice: [Ping],
} as const
