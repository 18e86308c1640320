import { Type } from 'typebox'
import { Nullable, Time } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

const Rating = Type.Integer({ minimum: 1, maximum: 5, examples: [5] })

export const FeedbackBody = Type.Object({
  rating: Rating,
  note: Type.Optional(Type.String({ maxLength: 2000, examples: ['편안했어요.'] })),
  category: Type.Optional(Type.String({ maxLength: 64, examples: ['session'] })),
})

/** A malformed id is not found, like an unknown one. */
export const FeedbackParams = Type.Object({ id: Type.String() })

export const FeedbackResponse = Success(
  Type.Object({
    feedbackId: Type.String({ description: 'Opaque.' }),
    sessionId: Nullable(Type.String({ description: 'Null for general feedback.' })),
    rating: Rating,
    submittedAt: Time,
  }),
)
