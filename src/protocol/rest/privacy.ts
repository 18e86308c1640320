import { Type } from 'typebox'
import { Count, Time } from '../common-schemas.ts'
import { Success } from '../envelope.ts'

export const EraseBody = Type.Object({
  password: Type.String({
    minLength: 1,
    maxLength: 128,
    description: 'The password again: the erasure cannot be undone.',
  }),
})

export const EraseResponse = Success(
  Type.Object({
    erasedAt: Time,
    erased: Type.Object({
      sessions: Count,
      counselings: Count,
      feedback: Count,
      consents: Count,
      devices: Count,
    }),
    receipt: Type.String({ description: 'A compact JWS, signed with Ed25519.' }),
    publicKey: Type.Object(
      { kty: Type.String(), crv: Type.String(), x: Type.String() },
      { description: 'JSON Web Key that verifies the receipt.' },
    ),
  }),
)

/** Streamed: its shape is described, not enforced. */
export const ExportResponse = Success(
  Type.Object(
    {},
    {
      additionalProperties: true,
      description:
        'account, preferences, baseline (the neutral face, as measures), devices, consents, sessions (each with windows, voice, findings, conversations, report), counselings, feedback, auditTrail.',
    },
  ),
)
