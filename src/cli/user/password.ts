import { randomBytes } from 'node:crypto'
import { type TObject, Type } from 'typebox'
import { Value } from 'typebox/value'
import { SignupBody } from '../../protocol/rest/auth.ts'
import { composeTexts } from '../../features/auth/typed-text.ts'
import {
  CommandError,
  type Context,
  defineCommand,
  getArgument,
  getText,
  hasFlag,
  type Input,
  type Option,
} from '../command.ts'
import { readPassword } from '../input.ts'
import { withServerParts } from '../server-parts.ts'
import { findUser, USER } from '../find-user.ts'

const OPTIONS: readonly Option[] = [
  { flags: '--password-file <file>', text: 'option.passwordFile' },
  { flags: '--generate-password', text: 'option.generatePassword' },
]
const Password = Type.Optional(
  Type.String({ description: 'the generated password; only with `--generate-password`' }),
)
const Weak = Type.Boolean({ description: 'the password is on the list of common passwords' })

/** About 128 bits. */
const GENERATED_BYTES = 16

/** The password of the operator, or a new one, which only the output contains. */
async function getPassword(context: Context, input: Input) {
  const file = getText(input, 'passwordFile')
  if (!hasFlag(input, 'generatePassword')) return { password: await readPassword(context, file), shown: {} }
  if (file !== undefined) throw new CommandError(context.texts('input.fileOrGenerated'))
  const password = randomBytes(GENERATED_BYTES).toString('base64url')
  return { password, shown: { password } }
}

/** @throws the faults of a body, as the validation of a request finds them */
function requireValid(schema: TObject, body: object): void {
  const validation = [...Value.Errors(schema, body)]
  if (validation.length > 0) throw Object.assign(new Error('the input is not valid'), { validation })
}

export const userCreate = defineCommand({
  name: 'user create',
  text: 'user.create',
  arguments: [
    { name: 'email', text: 'argument.email' },
    { name: 'username', text: 'argument.username' },
  ],
  options: OPTIONS,
  examples: [
    'user create haneul@example.com haneul',
    'user create haneul@example.com haneul --generate-password',
    'user create haneul@example.com haneul --password-file /run/secrets/password --json',
  ],
  result: Type.Object({
    user: Type.Integer(),
    email: Type.String(),
    username: Type.String(),
    commonPassword: Weak,
    password: Password,
  }),
  run: async (context, input) => {
    const { password, shown } = await getPassword(context, input)
    const body = { email: getArgument(input, 0), username: getArgument(input, 1), password }
    composeTexts(body)
    requireValid(SignupBody, body)
    return withServerParts(context, async ({ accounts }) => {
      const { id, hasCommonPassword, ...names } = await accounts.create(body)
      return { result: { user: id, ...names, commonPassword: hasCommonPassword, ...shown } }
    })
  },
  print: (result, texts) => [
    texts('user.created', result),
    ...(result.commonPassword ? [texts('user.common')] : []),
    ...(result.password === undefined ? [] : [texts('user.password', { password: result.password })]),
  ],
})

export const userResetPassword = defineCommand({
  name: 'user reset-password',
  text: 'user.resetPassword',
  arguments: [USER],
  options: OPTIONS,
  examples: [
    'user reset-password haneul@example.com',
    'user reset-password haneul@example.com --generate-password',
  ],
  result: Type.Object({
    user: Type.Integer(),
    email: Type.String(),
    devices: Type.Integer({ description: 'devices that were logged out, with those of earlier logouts' }),
    commonPassword: Weak,
    password: Password,
  }),
  run: async (context, input) => {
    const { password, shown } = await getPassword(context, input)
    requireValid(Type.Pick(SignupBody, ['password']), { password })
    return withServerParts(context, async ({ app, accounts }) => {
      const { id, email } = await findUser(app.database.orm, getArgument(input, 0), context)
      const done = await accounts.resetPassword(id, password)
      if (done === undefined) throw new CommandError(context.texts('user.unknown', { user: id }))
      const { families, hasCommonPassword } = done
      return {
        result: { user: id, email, devices: families.length, commonPassword: hasCommonPassword, ...shown },
      }
    })
  },
  print: (result, texts) => [
    texts('user.passwordReset', result),
    ...(result.commonPassword ? [texts('user.common')] : []),
    ...(result.password === undefined ? [] : [texts('user.password', { password: result.password })]),
  ],
})
