import fp from 'fastify-plugin'
import type { Config } from '../config/config.ts'

/** The root path: redirects browsers to the console, returns JSON to other clients. */
export const home = fp(
  (app, { config }: { readonly config: Config }, done) => {
    const consolePath = `${config.server.basePath}/console/`
    app.get('/', { schema: { hide: true } }, async (request, reply) => {
      if (request.headers.accept?.includes('text/html') === true) return reply.redirect(consolePath)
      return { status: 'ok', message: 'maeum' }
    })
    done()
  },
  { name: 'home' },
)
