import { Type } from 'typebox'
import { ROLES } from '../../domain/role.ts'
import { administrationRepository as repository } from '../../features/auth/administration/repository.ts'
import { sessionAdministrationRepository } from '../../features/sessions/administration/repository.ts'
import { defineCommand, getArgument, getNumber, getText, hasFlag } from '../command.ts'
import { withDatabase } from '../database.ts'
import { toFields, toTable } from '../output.ts'
import { findUser, USER } from '../find-user.ts'
import { toAccountView, AccountView } from './view.ts'
import { MAX_PAGE, PAGE } from '../pages.ts'

export const userList = defineCommand({
  name: 'user list',
  text: 'user.list',
  options: [
    { flags: '--role <role>', text: 'option.role', choices: ROLES },
    { flags: '--disabled', text: 'option.disabled' },
    { flags: '--limit <number>', text: 'option.limit', max: MAX_PAGE, default: PAGE },
    { flags: '--after <user>', text: 'option.afterUser' },
  ],
  examples: ['user list', 'user list --disabled', 'user list --role counsellor --json'],
  result: Type.Object({
    users: Type.Array(AccountView),
    next: Type.Union([Type.Integer(), Type.Null()], { description: '`--after` of the next page' }),
  }),
  run: (context, input) =>
    withDatabase(context, { connections: 1 }, async ({ database: { orm } }) => {
      const limit = getNumber(input, 'limit')
      const after = getText(input, 'after')
      const role = ROLES.find((one) => one === getText(input, 'role'))
      const found = await repository.list(orm, {
        limit: limit + 1,
        ...(role === undefined ? {} : { role }),
        ...(hasFlag(input, 'disabled') ? { isDisabled: true } : {}),
        ...(after === undefined ? {} : { after: (await findUser(orm, after, context)).id }),
      })
      const users = found.slice(0, limit)
      return {
        result: {
          users: users.map(toAccountView),
          next: found.length > limit ? (users.at(-1)?.id ?? null) : null,
        },
      }
    }),
  print: ({ users, next }, texts) => [
    ...toTable(
      [
        ...[texts('column.id'), texts('column.email'), texts('column.username'), texts('column.role')],
        ...[texts('column.created'), texts('column.disabled')],
      ],
      users.map(({ id, email, username, role, createdAt, disabledAt }) => [
        ...[id, email, username, role, createdAt, disabledAt],
      ]),
    ),
    ...(next === null ? [] : [texts('list.more', { after: next })]),
  ],
})

export const userShow = defineCommand({
  name: 'user show',
  text: 'user.show',
  arguments: [USER],
  examples: ['user show haneul@example.com', 'user show 4503599627370497 --json'],
  result: Type.Object({
    ...AccountView.properties,
    updatedAt: Type.String(),
    devices: Type.Integer({ description: 'logged-in devices' }),
    sessions: Type.Object({ total: Type.Integer(), live: Type.Integer() }),
  }),
  run: (context, input) =>
    withDatabase(context, { connections: 1 }, async ({ database: { orm } }) => {
      const user = await findUser(orm, getArgument(input, 0), context)
      return {
        result: {
          ...toAccountView(user),
          updatedAt: user.updatedAt.toISOString(),
          devices: await repository.countDevices(orm, user.id),
          sessions: await sessionAdministrationRepository.countOfUser(orm, user.id),
        },
      }
    }),
  print: (user, texts) =>
    toFields([
      [texts('column.id'), user.id],
      [texts('column.email'), user.email],
      [texts('column.username'), user.username],
      [texts('column.role'), user.role],
      [texts('column.created'), user.createdAt],
      [texts('column.changed'), user.updatedAt],
      [texts('column.disabled'), user.disabledAt],
      [texts('column.devices'), user.devices],
      [texts('column.sessions'), texts('user.sessions', user.sessions)],
    ]),
})
