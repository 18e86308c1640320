import { Type } from 'typebox'
import { COUNSELING_STATUSES } from '../../domain/counseling.ts'
import { Nullable, Time } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

export const PAGE_LENGTH = 20

const CounselingState = Type.Enum([...COUNSELING_STATUSES])
const Notes = Type.String({ maxLength: 4000, examples: ['처음입니다.'] })

/** Range that calendars and the database support. */
const isSupportedTime = (text: string) => {
  const year = new Date(text).getUTCFullYear()
  return year >= 1970 && year <= 9999
}
const ScheduledAt = Nullable(
  Type.Refine(
    Type.String({
      format: 'date-time',
      maxLength: 40,
      description: 'ISO 8601 with an offset.',
      examples: ['2026-12-01T10:00:00+09:00'],
    }),
    isSupportedTime,
  ),
)

/** A malformed id is not found, like an unknown one. */
export const CounselingParams = Type.Object({ id: Type.String() })

export const CreateCounselingBody = Type.Object({
  type: Type.String({ minLength: 1, maxLength: 64, examples: ['video'] }),
  scheduledAt: Type.Optional(ScheduledAt),
  notes: Type.Optional(Notes),
  sessionId: Type.Optional(Nullable(Type.String({ description: 'A session of the same user.' }))),
})

export const ChangeCounselingBody = Type.Object({
  status: Type.Optional(CounselingState),
  scheduledAt: Type.Optional(ScheduledAt),
  notes: Type.Optional(Notes),
})

export const SurveyBody = Type.Object({
  responses: Type.Record(Type.String(), Type.Unknown(), {
    description: 'Answers by question, in the client’s own format; at most 16 KiB.',
    examples: [{ helpful: 5, comment: '편안했어요.' }],
  }),
})

export const CounselingsQuery = Type.Object({
  status: Type.Optional(CounselingState),
  cursor: Type.Optional(Type.String({ description: '`nextCursor` of the previous page.' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: PAGE_LENGTH })),
})

const Counseling = Type.Object({
  id: Type.String({ description: 'Opaque.' }),
  type: Type.String(),
  status: CounselingState,
  scheduledAt: Nullable(Type.String({ format: 'date-time' })),
  notes: Nullable(Type.String()),
  sessionId: Nullable(Type.String()),
  survey: Nullable(Type.Object({}, { additionalProperties: true })),
  createdAt: Time,
  updatedAt: Time,
})

export const CounselingResponse = Success(Counseling)
export const CounselingsResponse = Success(
  Type.Object({
    counselings: Type.Array(Counseling, { maxItems: 100, description: 'Newest first.' }),
    nextCursor: Nullable(Type.String({ description: 'Null on the last page.' })),
  }),
)
