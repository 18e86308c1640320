import type { FastifyInstance } from 'fastify'
import { countParts } from '../lib/json-parts.ts'
import { findUnstorable } from '../lib/storable.ts'
import { AppError } from '../protocol/errors.ts'

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

/** In the form of a schema's findings, so that the message is the same. */
const unstorable = (instancePath: string) =>
  Object.assign(new Error('text that cannot be stored'), {
    validation: [{ keyword: 'unstorable', instancePath, schemaPath: '', params: {} }],
  })
