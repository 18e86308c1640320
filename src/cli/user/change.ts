import { type Static, Type } from 'typebox'
import { ROLES } from '../../domain/role.ts'
import type { Administration } from '../../features/auth/administration.ts'
import { CommandError, type Context, defineCommand, getArgument, type Input } from '../command.ts'
import { type ServerParts, withServerParts } from '../server-parts.ts'
import { findUser, USER } from '../find-user.ts'

const Changed = Type.Object({
  user: Type.Integer(),
  email: Type.String(),
  changed: Type.Boolean({ description: 'false if the account was so already' }),
})
const LoggedOut = Type.Object({
  ...Changed.properties,
  devices: Type.Integer({ description: 'devices that were logged out, with those of earlier logouts' }),
})

type Change = (parts: ServerParts, userId: number) => Promise<Administration | undefined>

/** Finds the account and changes it. */
const change = (context: Context, input: Input, apply: Change) =>
  withServerParts(context, async (parts) => {
    const { orm } = parts.app.database
    const user = await findUser(orm, getArgument(input, 0), context)
    const done = await apply(parts, user.id)
    if (done === undefined) throw new CommandError(context.texts('user.unknown', { user: user.id }))
    return { user: user.id, email: user.email, changed: done.isChanged, devices: done.families.length }
  })

const withoutDevices = ({ user, email, changed }: Static<typeof LoggedOut>): Static<typeof Changed> => ({
  ...{ user, email, changed },
})

export const userDisable = defineCommand({
  name: 'user disable',
  text: 'user.disable',
  arguments: [USER],
  examples: ['user disable haneul@example.com', 'user disable 4503599627370497 --json'],
  result: LoggedOut,
  run: async (context, input) => ({
    result: await change(context, input, async ({ accounts, sessions }, userId) => {
      const done = await accounts.disable(userId)
      await sessions.endOfUser(userId, 'logged_out')
      return done
    }),
  }),
  print: (result, texts) => [
    texts(result.changed ? 'user.disabled' : 'user.disabledBefore', result),
    texts('user.loggedOut', result),
  ],
})

export const userEnable = defineCommand({
  name: 'user enable',
  text: 'user.enable',
  arguments: [USER],
  examples: ['user enable haneul@example.com'],
  result: Changed,
  run: async (context, input) => ({
    result: withoutDevices(await change(context, input, ({ accounts }, userId) => accounts.enable(userId))),
  }),
  print: (result, texts) => [texts(result.changed ? 'user.enabled' : 'user.enabledBefore', result)],
})

export const userRole = defineCommand({
  name: 'user role',
  text: 'user.role',
  arguments: [USER, { name: 'role', text: 'argument.role', choices: ROLES }],
  examples: ['user role haneul@example.com counsellor'],
  result: Type.Object({ ...Changed.properties, role: Type.Enum([...ROLES]) }),
  run: async (context, input) => {
    const role = ROLES.find((one) => one === input.args[1]) ?? ROLES[0]
    const done = await change(context, input, ({ accounts }, userId) => accounts.setRole(userId, role))
    return { result: { ...withoutDevices(done), role } }
  },
  print: (result, texts) => [texts(result.changed ? 'user.roleChanged' : 'user.roleBefore', result)],
})

export const userLogout = defineCommand({
  name: 'user logout',
  text: 'user.logout',
  arguments: [USER],
  examples: ['user logout haneul@example.com'],
  result: Type.Object({ user: Type.Integer(), email: Type.String() }),
  run: (context, input) =>
    withServerParts(context, async ({ app, logOutEverywhere }) => {
      const { id, email } = await findUser(app.database.orm, getArgument(input, 0), context)
      await logOutEverywhere(id)
      return { result: { user: id, email } }
    }),
  print: ({ email }, texts) => [texts('user.loggedOutAll', { email })],
})
