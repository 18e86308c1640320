import { Type } from 'typebox'
import { Nullable, Time } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'

const Rating = Type.Integer({ minimum: 1, maximum: 5, examples: [5] })

export const FeedbackBody = Type.Object({
  rating: Rating,
  note: Type.Optional(Type.String({ maxLength: 2000, examples: ['편안했어요.'] })),
  category: Type.Optional(Type.String({ maxLength: 64, examples: ['session'] })),
})

/** What is no id of ours is not found, like an id that never was. */
export const FeedbackParams = Type.Object({ id: Type.String() })

export const FeedbackResponse = Success(
  Type.Object({
    feedbackId: Type.String({ description: 'Opaque.' }),
    sessionId: Nullable(Type.String({ description: 'Null when it is about no session in particular.' })),
    rating: Rating,
    submittedAt: Time,
  }),
)
