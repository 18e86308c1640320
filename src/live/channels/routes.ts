import type { FastifyInstance } from 'fastify'
import { VERSION } from '../../version.ts'
import { asyncApi, type VoiceMessageSchema } from './asyncapi.ts'
import { asyncApiPage, PAGE_POLICY } from './page.ts'

/** The sockets' document, for people and for machines; made once, for it never changes. */
export function documentRoutes(app: FastifyInstance, voiceMessages: readonly VoiceMessageSchema[]): void {
  const document = asyncApi(VERSION, voiceMessages)
  const page = asyncApiPage(document)
  app.get('/docs/ws', { schema: { hide: true } }, async (_request, reply) =>
    reply.header('content-security-policy', PAGE_POLICY).type('text/html; charset=utf-8').send(page),
  )
  app.get('/docs/ws/json', { schema: { hide: true } }, async () => document)
}
