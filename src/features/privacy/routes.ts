import { Socket } from 'node:net'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AppError } from '../../protocol/errors.ts'
import { requirePrincipal } from '../../http/principal.ts'
import { responses, succeed } from '../../protocol/envelope.ts'
import { callerAddress } from '../../http/caller.ts'
import type { Erasure } from './erasure/service.ts'
import type { Export } from './export/service.ts'
import { createStream, type ExportStream } from './export/stream.ts'
import { EraseBody, EraseResponse, ExportResponse } from '../../protocol/rest/privacy.ts'

type Options = {
  readonly exports: Export
  readonly erasure: Erasure
  readonly onExport: (userId: number, address: string) => void
  /** Milliseconds since an arbitrary start. */
  readonly monotonic?: () => number
}

const common = { tags: ['user'], security: [{ bearer: [] }] }

/** Concurrent exports; each holds a page of rows in memory. */
const MAX_EXPORTS = 4
const BUSY_RETRY_SECONDS = 5
/** An export lasts as long as its reader needs, within this limit. */
const EXPORT_MS = 30 * 60_000
/** Years of sessions are deleted in many statements, each with its own deadline. */
const ERASE_MS = 60_000

/** The inactivity timeout would end a reader whose network buffers hold minutes of data. */
function allowPauses(socket: unknown): void {
  if (socket instanceof Socket) socket.setTimeout(EXPORT_MS) // injected requests have none
}

export const privacyRoutes: FastifyPluginAsyncTypebox<Options> = async (app, options) => {
  const { exports, erasure, onExport, monotonic } = options
  app.addHook('onRequest', app.authentication.require)
  const exporting = new Map<number, ExportStream | undefined>()

  /** A slow reader keeps its place until another user needs it, or the same user, whose connection may be lost. */
  const endSlowExport = (isAffected: (userId: number) => boolean) => {
    const slow = [...exporting].find(([userId, stream]) => isAffected(userId) && stream?.isSlow() === true)
    if (slow === undefined) return
    const [userId, stream] = slow
    exporting.delete(userId)
    stream?.body.destroy(new Error('the export is read too slowly, and its place is needed'))
  }

  app.get(
    '/export',
    {
      schema: {
        ...common,
        summary: 'All stored data of the user, as a JSON stream',
        response: responses({ 200: ExportResponse }),
      },
      handlerTimeout: EXPORT_MS,
    },
    async (request, reply) => {
      const { userId } = requirePrincipal(request)
      endSlowExport((reader) => reader === userId)
      if (exporting.has(userId)) throw new AppError('RATE_LIMITED', { retryAfter: BUSY_RETRY_SECONDS })
      if (exporting.size >= MAX_EXPORTS) endSlowExport(() => true)
      if (exporting.size >= MAX_EXPORTS) throw new AppError('SERVER_BUSY', { retryAfter: BUSY_RETRY_SECONDS })
      exporting.set(userId, undefined)
      let stream: ExportStream | undefined
      // Not a later export of the user, who may begin another one as soon as this one has lost its place.
      const leave = () => {
        if (exporting.get(userId) === stream) exporting.delete(userId)
      }
      try {
        const pieces = await exports.begin(userId)
        onExport(userId, callerAddress(request))
        stream = createStream(pieces, monotonic)
        exporting.set(userId, stream)
        allowPauses(request.raw.socket)
        stream.body.once('close', leave)
        void reply
          .header('content-type', 'application/json; charset=utf-8')
          .header('content-disposition', 'attachment; filename="maeum-export.json"')
        // A stream is not serialised by the schema.
        return await reply.send(stream.body as never)
      } catch (error) {
        leave()
        throw error
      }
    },
  )

  app.delete(
    '/',
    {
      schema: {
        ...common,
        summary: 'Erase the account and all data of the user',
        body: EraseBody,
        response: responses({ 200: EraseResponse }),
      },
      handlerTimeout: ERASE_MS,
    },
    async (request) =>
      succeed(await erasure.erase(requirePrincipal(request), request.body.password, callerAddress(request))),
  )
}
