import { Type } from 'typebox'
import { CARRY_BASELINE, EXPRESSION_READING } from '../../domain/consent.ts'
import { Nullable, Time } from '../../plugins/common-schemas.ts'
import { Success } from '../../plugins/envelope.ts'
import type { ConsentRow } from './repository.ts'

const Purpose = Type.String({
  pattern: '^[a-z][a-z0-9_.-]{0,63}$',
  description: `What is agreed to. \`${EXPRESSION_READING}\` is the reading of facial expressions, \`${CARRY_BASELINE}\` that the neutral face of one session is kept for the next. Receipts for other purposes are kept and decide nothing.`,
  examples: [EXPRESSION_READING],
})
const TextVersion = Type.String({
  minLength: 1,
  maxLength: 64,
  description: 'Which wording the person saw.',
  examples: ['2026-01'],
})
const Locale = Type.String({
  pattern: '^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,4}$',
  description: 'In which language they saw it.',
  examples: ['ko'],
})

export const ConsentBody = Type.Object({ purpose: Purpose, textVersion: TextVersion, locale: Locale })

/** In the body or in the query; without a purpose everything is taken back. */
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
    required: Type.Boolean({ description: `Whether frames need a standing \`${EXPRESSION_READING}\`.` }),
    consents: Type.Array(Receipt, { description: 'The newest first, at most 200.' }),
  }),
)

export const toReceiptView = ({ purpose, textVersion, locale, createdAt, withdrawnAt }: ConsentRow) => ({
  purpose,
  textVersion,
  locale,
  givenAt: createdAt.getTime(),
  withdrawnAt: withdrawnAt?.getTime() ?? null,
})
