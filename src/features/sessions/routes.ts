import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { languageOf } from '../../plugins/languages.ts'
import {
  DeleteSessionResponse,
  EndSessionResponse,
  PauseSessionResponse,
  ResumeSessionResponse,
  SessionParams,
  SessionResponse,
  StartSessionBody,
  StartSessionResponse,
} from './schemas.ts'
import type { SessionService } from './service.ts'
import { toPausedView, toResumedView, toSessionView, toSocketUrls } from './views.ts'

type Options = { readonly service: SessionService; readonly publicUrl: string | null }

const common = { tags: ['session'], security: [{ bearer: [] }] }

export const sessionRoutes: FastifyPluginAsyncTypebox<Options> = async (app, { service, publicUrl }) => {
  app.addHook('onRequest', app.authentication.require)

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
      const session = await service.start(principal(request), labels, languageOf(request))
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
        summary: 'Pause; frames are counted and dropped',
        params: SessionParams,
        response: responses({ 200: PauseSessionResponse }),
      },
    },
    async (request) => succeed(toPausedView(await service.pause(request.params.id, principal(request)))),
  )

  app.post(
    '/:id/resume',
    {
      schema: {
        ...common,
        summary: 'Go on after a pause',
        params: SessionParams,
        response: responses({ 200: ResumeSessionResponse }),
      },
    },
    async (request) => succeed(toResumedView(await service.resume(request.params.id, principal(request)))),
  )

  app.post(
    '/:id/end',
    {
      schema: {
        ...common,
        summary: 'End; repeats its first answer',
        params: SessionParams,
        response: responses({ 200: EndSessionResponse }),
      },
    },
    async (request) => {
      const answer = await service.end(request.params.id, principal(request))
      // The stored answer was written by this service; the response schema filters it on its way out.
      return succeed(answer as Static<typeof EndSessionResponse>['data'])
    },
  )

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
    async (request) => succeed(toSessionView(await service.get(request.params.id, principal(request)))),
  )

  app.delete(
    '/:id',
    {
      schema: {
        ...common,
        summary: 'Erase a session and all that hangs on it',
        params: SessionParams,
        response: responses({ 200: DeleteSessionResponse }),
      },
    },
    async (request) => {
      const { id } = request.params
      await service.delete(id, principal(request).userId)
      return succeed({ sessionId: id, deleted: true as const })
    },
  )
}
