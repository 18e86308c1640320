import { type TSchema, Type } from 'typebox'
import { ERROR_CODES } from './errors.ts'

/** `{success: true, data}`: the envelope of successful REST responses. */
export const Success = <Data extends TSchema>(data: Data) =>
  Type.Object({ success: Type.Literal(true), data })

export const Failure = Type.Object(
  {
    success: Type.Literal(false),
    error: Type.Object({
      code: Type.Enum(ERROR_CODES),
      message: Type.String({ description: 'One sentence in the language of the caller.' }),
      requestId: Type.String(),
      details: Type.Optional(Type.Unknown()),
    }),
  },
  { description: 'Failure envelope' },
)

/** Response schemas: the given success schemas, and the failure envelope for every 4xx and 5xx. */
export const responses = <Successes extends Record<number, TSchema>>(successes: Successes) => ({
  ...successes,
  '4xx': Failure,
  '5xx': Failure,
})

export const succeed = <Data>(data: Data) => ({ success: true as const, data })
