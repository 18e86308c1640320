import fp from 'fastify-plugin'
import type { Config } from '../config.ts'

/** The bare address: a word for machines, the console for people. */
export const home = fp(
  (app, { config }: { readonly config: Config }, done) => {
    const place = `${config.server.basePath}/console/`
    app.get('/', { schema: { hide: true } }, async (request, reply) => {
      if (request.headers.accept?.includes('text/html') === true) return reply.redirect(place)
      return { status: 'ok', message: 'maeum' }
    })
    done()
  },
  { name: 'home' },
)
