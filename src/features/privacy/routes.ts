import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '../../errors.ts'
import { principal } from '../../plugins/authentication.ts'
import { responses, succeed } from '../../plugins/envelope.ts'
import { callerAddress } from '../../plugins/security.ts'
import type { Erasure } from './erasure/service.ts'
import type { Export } from './export/service.ts'
import { streamOf } from './export/stream.ts'
import { EraseBody, EraseResponse, ExportResponse } from './schemas.ts'

type Options = {
  readonly exports: Export
  readonly erasure: Erasure
  readonly onExport: (userId: number, address: string) => void
}

const common = { tags: ['user'], security: [{ bearer: [] }] }

/** Documents that are written at once; each holds a page of rows. */
const MOST_EXPORTS = 4
const BUSY_RETRY_SECONDS = 5
/** It lasts as long as its reader takes, within reason. */
const EXPORT_MS = 30 * 60_000
/** Years of sessions go in many statements, each with a deadline of its own. */
const ERASE_MS = 60_000

export const privacyRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  const { exports, erasure, onExport } = options
  app.addHook('onRequest', app.authentication.require)
  const exporting = new Set<number>()

  app.get(
    '/export',
    {
      schema: {
        ...common,
        summary: 'Everything that is kept of the person, as JSON, in a stream',
        response: responses({ 200: ExportResponse }),
      },
      handlerTimeout: EXPORT_MS,
    },
    async (request, reply) => {
      const { userId } = principal(request)
      if (exporting.has(userId)) throw new AppError('RATE_LIMITED', { retryAfter: BUSY_RETRY_SECONDS })
      if (exporting.size >= MOST_EXPORTS)
        throw new AppError('SERVER_BUSY', { retryAfter: BUSY_RETRY_SECONDS })
      exporting.add(userId)
      try {
        const pieces = await exports.begin(userId)
        onExport(userId, callerAddress(request))
        const body = streamOf(pieces).once('close', () => exporting.delete(userId))
        void reply
          .header('content-type', 'application/json; charset=utf-8')
          .header('content-disposition', 'attachment; filename="maeum-export.json"')
        // Not serialised by the schema: what goes out is what the stream says.
        return await reply.send(body as never)
      } catch (error) {
        exporting.delete(userId)
        throw error
      }
    },
  )

  app.delete(
    '/',
    {
      schema: {
        ...common,
        summary: 'Erase the account and everything that is kept of the person',
        body: EraseBody,
        response: responses({ 200: EraseResponse }),
      },
      handlerTimeout: ERASE_MS,
    },
    async (request) =>
      succeed(await erasure.erase(principal(request), request.body.password, callerAddress(request))),
  )
}
