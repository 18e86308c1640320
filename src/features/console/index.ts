import { existsSync, readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import Negotiator from 'negotiator'
import type { Config } from '../../config/config.ts'
import { pathInRoot } from '../../lib/root.ts'
import { AppError } from '../../protocol/errors.ts'
import { headersFor } from './headers.ts'

/** Written by `npm run build`. */
const BUILT = pathInRoot('dist/console')

const UNBUILT = `<!doctype html><meta charset="utf-8"><title>maeum</title>
<p>The console has not been built: <code>npm run build</code>, then load this page again.</p>`

type Options = { readonly config: Config; readonly version: string }

/** The web console under `/console`: files of the build, and the one page with its client-side routes. */
export const pages = fp(
  async (app, { config, version }: Options) => {
    await app.register(async (scope) => serve(scope, { config, version }), { prefix: '/console' })
  },
  { name: 'console', dependencies: ['security'] },
)

async function serve(scope: FastifyInstance, { config, version }: Options): Promise<void> {
  const hidden = { schema: { hide: true }, config: { rateLimit: false } } as const

  // What the page needs before login.
  scope.get('/about.json', hidden, async () => ({
    version,
    intervalMs: config.analysis.intervalMs,
    model: config.analysis.gemini?.models[0] ?? null,
  }))

  if (!existsSync(`${BUILT}/index.html`)) {
    const explain = (_request: unknown, reply: FastifyReply) =>
      reply.code(503).headers(headersFor('index.html')).type('text/html; charset=utf-8').send(UNBUILT)
    scope.get('/', hidden, explain)
    scope.get('/*', hidden, explain)
    return
  }

  await scope.register(fastifyStatic, {
    root: BUILT,
    wildcard: false,
    serve: false,
    cacheControl: false,
    preCompressed: true,
    setHeaders: (reply, path) => {
      void reply.headers(headersFor(path.slice(BUILT.length + 1).replace(/\.gz$/, '')))
    },
  })
  const isFile = createFileTest()
  const html = await readFile(`${BUILT}/index.html`, 'utf8')
  const page = (request: FastifyRequest, reply: FastifyReply) =>
    reply
      .headers(headersFor('index.html'))
      .type('text/html; charset=utf-8')
      .send(html.replaceAll('="./', `="${relativePathToFiles(request.url)}`))
  scope.get('/', hidden, async (request, reply) => page(request, reply))
  scope.get<{ Params: { '*': string } }>('/*', hidden, async (request, reply) => {
    const path = request.params['*']
    if (isFile(path)) return reply.sendFile(path)
    if (acceptsPage(request)) return page(request, reply)
    throw new AppError('NOT_FOUND', { details: { path: request.url } })
  })
}

/** The relative path from a URL of the console to its files; a proxy may publish them below another path. */
const relativePathToFiles = (url: string): string => {
  const [path = ''] = url.split('?')
  const depth = path.split('/').length - '/console/'.split('/').length
  return depth < 0 ? './console/' : depth === 0 ? './' : '../'.repeat(depth)
}

/** False for a client that asks for something else, such as JSON. */
const acceptsPage = ({ raw }: FastifyRequest): boolean =>
  new Negotiator(raw).mediaType(['text/html']) !== undefined

/**
 * A name with an extension or in a folder of the build is a file, any other path is a client-side route. `sendFile`
 * refuses paths outside the folder.
 */
function createFileTest(): (path: string) => boolean {
  const folders = readdirSync(BUILT, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return (path) =>
    /\.[a-z0-9]+$/i.test(path) || folders.some(({ name }) => path === name || path.startsWith(`${name}/`))
}
