import { type Static, Type } from 'typebox'
import { SESSION_STATUSES } from '../domain/session.ts'
import {
  type AdministeredSession,
  sessionAdministrationRepository as repository,
} from '../features/sessions/administration/repository.ts'
import { sessionsRepository } from '../features/sessions/repository.ts'
import { logId } from '../lib/redact.ts'
import { defineCommand, getArgument, getNumber, getText } from './command.ts'
import { withDatabase } from './database.ts'
import { toFields, toTable } from './output.ts'
import { MAX_PAGE, PAGE } from './pages.ts'
import { withServerParts } from './server-parts.ts'
import { findSession, SESSION } from './find-session.ts'
import { findUser } from './find-user.ts'

const STATUSES = ['live', ...SESSION_STATUSES] as const

const Time = Type.Union([Type.String(), Type.Null()])
const SessionView = Type.Object({
  session: Type.String({ description: 'the first characters of the id; the whole id opens a socket' }),
  user: Type.Integer(),
  status: Type.Enum([...SESSION_STATUSES]),
  startedAt: Type.String(),
  seenAt: Type.String({ description: 'the last socket or frame' }),
  endedAt: Time,
  endReason: Type.Union([Type.String(), Type.Null()]),
  owner: Type.Union([Type.String(), Type.Null()], { description: 'the instance that serves it' }),
})

const toView = (session: AdministeredSession): Static<typeof SessionView> => ({
  session: logId(session.id),
  user: session.userId,
  status: session.status,
  startedAt: session.startedAt.toISOString(),
  seenAt: session.seenAt.toISOString(),
  endedAt: session.endedAt?.toISOString() ?? null,
  endReason: session.endReason,
  owner: session.owner,
})

export const sessionList = defineCommand({
  name: 'session list',
  text: 'session.list',
  options: [
    { flags: '--user <user>', text: 'option.user' },
    { flags: '--status <status>', text: 'option.status', choices: STATUSES },
    { flags: '--limit <number>', text: 'option.limit', max: MAX_PAGE, default: PAGE },
    { flags: '--after <session>', text: 'option.afterSession' },
  ],
  examples: ['session list --status live', 'session list --user haneul@example.com --json'],
  result: Type.Object({
    sessions: Type.Array(SessionView),
    next: Type.Union([Type.String(), Type.Null()], { description: '`--after` of the next page' }),
  }),
  run: (context, input) =>
    withDatabase(context, { connections: 1 }, async ({ database: { orm } }) => {
      const limit = getNumber(input, 'limit')
      const status = STATUSES.find((one) => one === getText(input, 'status'))
      const [user, after] = [getText(input, 'user'), getText(input, 'after')]
      const found = await repository.list(orm, {
        limit: limit + 1,
        ...(status === undefined ? {} : { status }),
        ...(user === undefined ? {} : { userId: (await findUser(orm, user, context)).id }),
        ...(after === undefined ? {} : { after: (await findSession(orm, after, context)).id }),
      })
      const sessions = found.slice(0, limit).map(toView)
      return {
        result: { sessions, next: found.length > limit ? (sessions.at(-1)?.session ?? null) : null },
      }
    }),
  print: ({ sessions, next }, texts) => [
    ...toTable(
      [
        ...[texts('column.session'), texts('column.user'), texts('column.status'), texts('column.started')],
        ...[texts('column.ended'), texts('column.reason'), texts('column.owner')],
      ],
      sessions.map((one) => [
        ...[one.session, one.user, one.status, one.startedAt, one.endedAt, one.endReason, one.owner],
      ]),
    ),
    ...(next === null ? [] : [texts('list.more', { after: next })]),
  ],
})

export const sessionShow = defineCommand({
  name: 'session show',
  text: 'session.show',
  arguments: [SESSION],
  examples: ['session show sess_CUfrvLm', 'session show sess_CUfrvLm --json'],
  result: Type.Object({
    ...SessionView.properties,
    language: Type.String(),
    windows: Type.Integer({ description: 'stored windows' }),
    frames: Type.Integer({ description: 'received frames' }),
    reportedAt: Time,
  }),
  run: (context, input) =>
    withDatabase(context, { connections: 1 }, async ({ database: { orm } }) => {
      const session = await findSession(orm, getArgument(input, 0), context)
      return {
        result: {
          ...toView(session),
          language: session.language,
          windows: await sessionsRepository.countWindows(orm, session.id),
          frames: session.landmarkCount,
          reportedAt: session.finalisedAt?.toISOString() ?? null,
        },
      }
    }),
  print: (session, texts) =>
    toFields([
      [texts('column.session'), session.session],
      [texts('column.user'), session.user],
      [texts('column.status'), session.status],
      [texts('column.started'), session.startedAt],
      [texts('column.seen'), session.seenAt],
      [texts('column.ended'), session.endedAt],
      [texts('column.reason'), session.endReason],
      [texts('column.owner'), session.owner],
      [texts('column.language'), session.language],
      [texts('column.windows'), session.windows],
      [texts('column.frames'), session.frames],
      [texts('column.reported'), session.reportedAt],
    ]),
})

export const sessionEnd = defineCommand({
  name: 'session end',
  text: 'session.end',
  arguments: [SESSION],
  examples: ['session end sess_CUfrvLm'],
  result: Type.Object({
    session: Type.String(),
    user: Type.Integer(),
    changed: Type.Boolean({ description: 'false if the session had ended already' }),
    endedAt: Type.String(),
    emotionCount: Type.Integer({ description: 'windows that were stored at the end' }),
  }),
  run: (context, input) =>
    withServerParts(context, async ({ app, sessions, emit }) => {
      const { id, userId, status } = await findSession(app.database.orm, getArgument(input, 0), context)
      const answer = await sessions.end(id, 'capability')
      const session = logId(id)
      const changed = status !== 'ended'
      if (changed) emit({ event: 'authz_admin', userId, details: { action: 'session_end', session } })
      const endedAt = new Date(Number(answer['endedAt'])).toISOString()
      return {
        result: { session, user: userId, changed, endedAt, emotionCount: Number(answer['emotionCount']) },
      }
    }),
  print: (result, texts) => [texts(result.changed ? 'session.ended' : 'session.endedBefore', result)],
})
