import fp from 'fastify-plugin'

/** The bare address: a word for machines, the console for people. */
export const home = fp(
  (app, _options, done) => {
    app.get('/', { schema: { hide: true } }, async (request, reply) => {
      if (request.headers.accept?.includes('text/html') === true) return reply.redirect('/console/')
      return { status: 'ok', message: 'maeum' }
    })
    done()
  },
  { name: 'home' },
)
