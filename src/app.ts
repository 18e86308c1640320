import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyServerOptions, LogController } from 'fastify'
import type { Config } from './config/config.ts'
import { audit } from './features/audit/index.ts'
import { auth } from './features/auth/index.ts'
import { consent } from './features/consent/index.ts'
import { pages } from './features/console/index.ts'
import { conversation } from './features/conversation/index.ts'
import { counselings } from './features/counselings/index.ts'
import { dashboard } from './features/dashboard/index.ts'
import { feedback } from './features/feedback/index.ts'
import { health } from './features/health/index.ts'
import { users } from './features/preferences/index.ts'
import { privacy } from './features/privacy/index.ts'
import { reports } from './features/reports/index.ts'
import { sessions } from './features/sessions/index.ts'
import { telemetry } from './features/telemetry/index.ts'
import { tickets } from './features/tickets/index.ts'
import { voice } from './features/voice/index.ts'
import { channels } from './live/channels/index.ts'
import { analysis } from './live/index.ts'
import type { ModelAnalyser } from './live/model/analyser.ts'
import { MAX_BODY_BYTES } from './http/bodies.ts'
import { answerUnroutable } from './http/error-answers.ts'
import { createHttpLimits } from './http/limits.ts'
import { LOG_SERIALIZERS, requestId } from './http/logging.ts'
import { compileValidator, createSerializerCompiler } from './http/schema-compilers.ts'
import { withoutBasePath } from './lib/base-path.ts'
import { readOrCreateSecret } from './lib/secret-file.ts'
import type { Tracing } from './lib/tracing.ts'
import { authentication } from './plugins/authentication.ts'
import { bodies } from './plugins/bodies.ts'
import { database } from './plugins/database.ts'
import { draining } from './plugins/draining.ts'
import { errorHandler } from './plugins/error-handler.ts'
import { forwarded } from './plugins/forwarded.ts'
import { guard } from './plugins/guard.ts'
import type { Clock } from './lib/clock.ts'
import { home } from './plugins/home.ts'
import { hub } from './plugins/hub.ts'
import { languages } from './plugins/languages.ts'
import { metrics } from './plugins/metrics.ts'
import { models } from './plugins/models.ts'
import { notices } from './plugins/notices.ts'
import { openapi } from './plugins/openapi.ts'
import { requestLog } from './plugins/request-log.ts'
import { securityEvents } from './plugins/security-events.ts'
import { security } from './plugins/security.ts'
import { shedding } from './plugins/shedding.ts'
import { tracing as tracingPlugin } from './plugins/tracing.ts'
import { vault } from './plugins/vault.ts'
import { websocket } from './plugins/websocket.ts'
import { VERSION } from './version.ts'

const HANDLER_DEADLINE_MS = 15_000

type Parts = {
  readonly config: Config
  /** The model that analyses windows. Unset: Gemini if a key is configured. Null: only the local analyser. */
  readonly model?: ModelAnalyser | null
  /** The clock of sessions; the machine's by default. */
  readonly clock?: Clock
  /** False: requests are not refused while the event loop is overloaded, as by a test in the same process. */
  readonly sheds?: boolean
  readonly logger?: FastifyServerOptions['logger']
  /** Where traces go; nowhere by default. */
  readonly tracing?: Tracing | undefined
  /** The number of log lines that were dropped because standard output is not read. */
  readonly droppedLogLines?: () => number
}

/** The server with its options; nothing is registered yet. */
function createServer({ logLevel, server }: Config, logger: Parts['logger']) {
  const { basePath } = server
  return Fastify({
    logger: logger ?? { level: logLevel, serializers: LOG_SERIALIZERS },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    requestIdHeader: false,
    trustProxy: server.trustProxy,
    bodyLimit: MAX_BODY_BYTES,
    handlerTimeout: HANDLER_DEADLINE_MS,
    pluginTimeout: 0, // plugins that wait, such as the database, have their own deadlines
    return503OnClosing: false, // `draining` answers
    ...(basePath === ''
      ? {}
      : { rewriteUrl: ({ url = '/' }: IncomingMessage) => withoutBasePath(url, basePath) }),
    ...createHttpLimits(server.keepAliveMs),
    frameworkErrors: answerUnroutable,
  })
    .withTypeProvider<TypeBoxTypeProvider>()
    .setValidatorCompiler(compileValidator)
    .setSerializerCompiler(createSerializerCompiler())
}

/** Builds the server: shared plugins first, then the features, each after the features that it uses. */
export async function buildApp(parts: Parts) {
  const { config, model, logger, clock, droppedLogLines, sheds = true } = parts
  const app = createServer(config, logger)
  const secret =
    config.accounts.jwtSecret ?? (await readOrCreateSecret(join(config.database.dataDir, 'jwt-secret')))

  try {
    await app.register(tracingPlugin, { tracing: parts.tracing })
    await app.register(languages)
    await app.register(errorHandler)
    await app.register(forwarded, { config })
    await app.register(requestLog)
    await app.register(securityEvents)
    await app.register(authentication, { config, secret })
    await app.register(security, { config })
    await app.register(shedding, { sheds })
    await app.register(bodies)
    await app.register(draining)
    await app.register(openapi, { version: VERSION })
    await app.register(metrics, { config, ...(droppedLogLines !== undefined && { droppedLogLines }) })
    await app.register(guard)
    await app.register(hub)
    await app.register(database, { config })
    await app.register(notices, { config })
    await app.register(vault, { config })
    await app.register(models, { config })

    await app.register(home, { config })
    await app.register(health, { config, version: VERSION })
    await app.register(audit)
    await app.register(auth, { config })
    await app.register(users)
    await app.register(sessions, { config })
    await app.register(consent, { config })
    await app.register(tickets)
    await app.register(conversation, { config })
    await app.register(voice)
    await app.register(reports, { config })
    await app.register(analysis, {
      config,
      ...(model === undefined ? {} : { model }),
      ...(clock === undefined ? {} : { clock }),
    })
    await app.register(counselings)
    await app.register(feedback)
    await app.register(dashboard)
    await app.register(telemetry)
    await app.register(pages, { config, version: VERSION })
    await app.register(privacy, { config })
    // After `analysis`: at shutdown sessions are handed over before their sockets are closed.
    await app.register(websocket)
    await app.register(channels, { config })
  } catch (error) {
    await app.close() // open resources, such as the database, would keep the process alive
    throw error
  }
  return app
}

export type App = Awaited<ReturnType<typeof buildApp>>
