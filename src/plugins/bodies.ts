import fp from 'fastify-plugin'
import { parseAsJson } from '../http/bodies.ts'
import { AppError } from '../protocol/errors.ts'

/**
 * A missing body, an empty one of any type and `null` are the empty object; the schema defines the required fields.
 * Text that the database cannot store is refused here.
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
