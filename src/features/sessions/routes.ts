import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { languageOf } from '../../http/language.ts'
import {
  DeleteSessionResponse,
  EndSessionResponse,
  PauseSessionResponse,
  ResumeSessionResponse,
  SessionParams,
  SessionsQuery,
  SessionsResponse,
  SessionResponse,
  StartSessionBody,
  StartSessionResponse,
  StatisticsResponse,
} from '../../protocol/rest/sessions.ts'
import type { SessionListService } from './list/service.ts'
import type { SessionService } from './service.ts'
import { toPausedView, toResumedView, toSessionView, toSocketUrls } from './views.ts'

type Options = {
  readonly service: SessionService
  readonly list: SessionListService
  readonly publicUrl: string | null
}

const common = { tags: ['session'], security: [{ bearer: [] }] }

type App = Parameters<FastifyPluginAsyncTypebox<Options>>[0]

export const sessionRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  app.addHook('onRequest', app.authentication.require)
  addListRoutes(app, options)
  addLifeCycleRoutes(app, options)
  addItemRoutes(app, options)
}

/** The lists and statistics of a user's sessions. */
function addListRoutes(app: App, { list }: Options): void {
  app.get(
    '',
    {
      schema: {
        ...common,
        summary: "The user's sessions, newest first, in pages",
        querystring: SessionsQuery,
        response: responses({ 200: SessionsResponse }),
      },
    },
    async (request) => succeed(await list.page(requirePrincipal(request).userId, request.query)),
  )

  // A fixed path takes precedence over one with a parameter, and no session has this id.
  app.get(
    '/stats/summary',
    {
      schema: {
        ...common,
        summary: "Statistics of the user's sessions, and the last ones",
        response: responses({ 200: StatisticsResponse }),
      },
    },
    async (request) => succeed(await list.statistics(requirePrincipal(request).userId)),
  )
}

/** Start, pause, resume and end. */
function addLifeCycleRoutes(app: App, { service, publicUrl }: Options): void {
  app.post(
    '/start',
    {
      schema: {
        ...common,
        summary: 'Start a session',
        body: StartSessionBody,
        response: responses({ 201: StartSessionResponse }),
      },
    },
    async (request, reply) => {
      const { userId, counselorId } = request.body
      const labels = {
        ...(userId === undefined ? {} : { userId }),
        ...(counselorId === undefined ? {} : { counselorId }),
      }
      const session = await service.start(requirePrincipal(request), labels, languageOf(request))
      const wsUrls = toSocketUrls(session.id, publicUrl ?? `${request.protocol}://${request.host}`)
      const startedAt = session.startedAt.getTime()
      const view = { sessionId: session.id, wsUrls, startedAt, status: 'active' as const, ...session.labels }
      return reply.code(201).send(succeed(view))
    },
  )

  app.post(
    '/:id/pause',
    {
      schema: {
        ...common,
        summary: 'Pause a session; frames are counted and dropped',
        params: SessionParams,
        response: responses({ 200: PauseSessionResponse }),
      },
    },
    async (request) =>
      succeed(toPausedView(await service.pause(request.params.id, requirePrincipal(request)))),
  )

  app.post(
    '/:id/resume',
    {
      schema: {
        ...common,
        summary: 'Resume a paused session',
        params: SessionParams,
        response: responses({ 200: ResumeSessionResponse }),
      },
    },
    async (request) =>
      succeed(toResumedView(await service.resume(request.params.id, requirePrincipal(request)))),
  )

  app.post(
    '/:id/end',
    {
      schema: {
        ...common,
        summary: 'End a session; returns its first response again',
        params: SessionParams,
        response: responses({ 200: EndSessionResponse }),
      },
    },
    async (request) => {
      const answer = await service.end(request.params.id, requirePrincipal(request))
      // The stored answer was written by this service; the response schema filters it.
      return succeed(answer as Static<typeof EndSessionResponse>['data'])
    },
  )
}

/** Reads and deletes one session. */
function addItemRoutes(app: App, { service }: Options): void {
  app.get(
    '/:id',
    {
      schema: {
        ...common,
        summary: 'One session',
        params: SessionParams,
        response: responses({ 200: SessionResponse }),
      },
    },
    async (request) =>
      succeed(toSessionView(await service.get(request.params.id, requirePrincipal(request)))),
  )

  app.delete(
    '/:id',
    {
      schema: {
        ...common,
        summary: 'Delete a session and all its data',
        params: SessionParams,
        response: responses({ 200: DeleteSessionResponse }),
      },
    },
    async (request) => {
      const { id } = request.params
      await service.delete(id, requirePrincipal(request).userId)
      return succeed({ sessionId: id, deleted: true as const })
    },
  )
}
