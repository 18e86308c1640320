import fp from 'fastify-plugin'

export const MAX_BODY_BYTES = 1024 * 1024

/** No body, an empty one and `null` all mean the empty object: which fields are required is for the schema to say. */
export const bodies = fp(
  (app, _options, done) => {
    const parseJson = app.getDefaultJsonParser('error', 'error')
    app.removeContentTypeParser('application/json')
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, parsed) => {
      const text = body.toString()
      if (text.trim() === '') parsed(null, undefined)
      else parseJson(request, text, parsed)
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
