import { Type } from 'typebox'
import { CARRY_BASELINE, EXPRESSION_READING } from '../../domain/consent.ts'
import { Nullable, Time } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

const Purpose = Type.String({
  pattern: '^[a-z][a-z0-9_.-]{0,63}$',
  description: `Purpose of the consent. \`${EXPRESSION_READING}\` covers the analysis of facial expressions, \`${CARRY_BASELINE}\` keeping the neutral face of one session for the next. Receipts for other purposes are stored without effect.`,
  examples: [EXPRESSION_READING],
})
const TextVersion = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'Version of the text that the user saw.',
  examples: ['2026-01'],
})
const Locale = Type.String({
  pattern: '^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}$',
  description: 'Language of the text that the user saw.',
  examples: ['ko'],
})

export const ConsentBody = Type.Object({ purpose: Purpose, textVersion: TextVersion, locale: Locale })

/** In the body or in the query; without a purpose every consent is withdrawn. */
export const WithdrawBody = Nullable(Type.Object({ purpose: Type.Optional(Purpose) }))
export const WithdrawQuery = Type.Object({ purpose: Type.Optional(Purpose) })

const Receipt = Type.Object({
  purpose: Type.String(),
  textVersion: Type.String(),
  locale: Type.String(),
  givenAt: Time,
  withdrawnAt: Nullable(Time),
})

export const ConsentResponse = Success(Receipt)
export const ConsentsResponse = Success(
  Type.Object({
    required: Type.Boolean({
      description: `Whether frames require a valid \`${EXPRESSION_READING}\` consent.`,
    }),
    consents: Type.Array(Receipt, { description: 'Newest first, at most 200.' }),
  }),
)
