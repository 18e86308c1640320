import { Type } from 'typebox'
import { CommandError, defineCommand, getArgument, hasFlag } from './command.ts'
import { confirm } from './input.ts'
import { withServerParts } from './server-parts.ts'
import { findUser, USER } from './find-user.ts'

/** The receipt names the last stored row of the trail, so the first row of this process must be stored. */
const TRAIL_MS = 10_000

const Count = Type.Integer()

/** Erases an account and all its data, as `DELETE /api/user` does. */
export const erase = defineCommand({
  name: 'erase',
  text: 'erase',
  arguments: [USER],
  options: [{ flags: '--yes', text: 'option.yes' }],
  examples: ['erase haneul@example.com', 'erase 4503599627370497 --yes --json > receipt.json'],
  result: Type.Object({
    user: Type.Integer(),
    erasedAt: Type.String(),
    erased: Type.Object(
      { sessions: Count, counselings: Count, feedback: Count, consents: Count, devices: Count },
      { description: 'the number of rows' },
    ),
    receipt: Type.String({ description: 'a compact JWS, signed with Ed25519' }),
    publicKey: Type.Object(
      { kty: Type.String(), crv: Type.String(), x: Type.String() },
      { description: 'JSON Web Key that verifies the receipt' },
    ),
  }),
  run: (context, input) =>
    withServerParts(context, async ({ app, erasure }) => {
      const { texts } = context
      const { id, email } = await findUser(app.database.orm, getArgument(input, 0), context)
      if (!hasFlag(input, 'yes')) await confirm(context, texts('erase.confirm', { email, id }), email)
      if (!(await app.audit.settled(TRAIL_MS))) throw new CommandError(texts('audit.notWritten'))
      const { erasedAt, ...rest } = await erasure.eraseByOperator(id)
      return { result: { user: id, erasedAt: new Date(erasedAt).toISOString(), ...rest } }
    }),
  print: ({ user, erased, receipt, publicKey }, texts) => [
    texts('erase.done', { user, ...erased }),
    texts('erase.receipt', { receipt }),
    texts('erase.publicKey', { key: JSON.stringify(publicKey) }),
  ],
})
