import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { AppError } from '../errors.ts'
import { countParts } from '../lib/json-parts.ts'
import { findUnstorable } from '../lib/storable.ts'

export const MAX_BODY_BYTES = 1024 * 1024
/** Of JSON. The largest object that is stored, 16 KiB, has fewer, whatever is in it; the time to parse a body grows with them. */
const MAX_BODY_PARTS = 16 * 1024

/** Reads bodies of this content type as JSON, on the routes of `app` alone. */
export function parseAsJson(app: FastifyInstance, contentType: string): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser(contentType, { parseAs: 'buffer' }, (request, body, parsed) => {
    const bytes = Buffer.from(body) // a buffer already, which is not copied
    if (countParts(bytes, MAX_BODY_PARTS) > MAX_BODY_PARTS) {
      parsed(new AppError('OBJECT_TOO_LARGE'))
      return
    }
    const text = bytes.toString()
    if (text.trim() === '' || request.is404) {
      parsed(null, undefined)
      return
    }
    void parseJson(request, text, (error, value?: unknown) => {
      const place = error === null ? findUnstorable(value, text) : undefined
      parsed(place === undefined ? error : unstorable(place), value)
    })
  })
}

/**
 * No body, an empty one of any type and `null` all mean the empty object: which fields are required is for the schema
 * to say. Text that the database could not hold is refused here, whoever would store it.
 */
export const bodies = fp(
  (app, _options, done) => {
    app.removeAllContentTypeParsers()
    parseAsJson(app, 'application/json')
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, parsed) => {
      if (body.length === 0 || request.is404) parsed(null, undefined)
      else parsed(new AppError('UNSUPPORTED_MEDIA_TYPE'))
    })
    app.addHook('preValidation', (request, _reply, next) => {
      const carriesBody = request.method === 'POST' || request.method === 'PUT' || request.method === 'PATCH'
      if (carriesBody) request.body ??= {}
      next()
    })
    done()
  },
  { name: 'bodies' },
)

/** In the form of a schema's findings, so that it is told in the same words. */
const unstorable = (instancePath: string) =>
  Object.assign(new Error('text that cannot be stored'), {
    validation: [{ keyword: 'unstorable', instancePath, schemaPath: '', params: {} }],
  })
