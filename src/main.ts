import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import closeWithGrace from 'close-with-grace'
import type { FastifyServerOptions } from 'fastify'
import { destination } from 'pino'
import { type App, buildApp } from './app.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { misspeltVariables, readSettings } from './environment.ts'
import { pause } from './lib/deadline.ts'
import { LOG_SERIALIZERS } from './plugins/request-log.ts'
import { VERSION } from './version.ts'

const SHUTDOWN_MS = 9000

/*
 * V8 learns which objects live long and then makes all of their kind among the old ones. Here such an object, once dead,
 * keeps the frame that came with it until the whole heap is collected: a hundred megabytes a second, and a collection of
 * everything each second instead of hardly ever. Without that guess frames die young (`npm run bench -- ingest latency`).
 * The buffers of frames also count when V8 decides how soon to collect everything: twice what lives is their room.
 */
setFlagsFromString('--no-allocation-site-pretenuring')
setFlagsFromString('--heap-growing-percent=100')

// A function is compiled once it has run long enough: seven times sooner than by default, for what people ask for comes
// a few dozen times a second, and the code for it would stay slow for minutes (`npm run bench -- auth`).
setFlagsFromString('--interrupt-budget=20000')

/**
 * Lines leave together, at the latest after a moment, for a write of each would cost as much as its request. What finds
 * no reader does not gather without end; a fatal line, and the end of the process, let all out at once.
 */
const LOG_FLOW = { fd: 1, sync: false, minLength: 4096, periodicFlush: 200, maxLength: 8 * 1024 * 1024 }

function loggerOf(config: Config): FastifyServerOptions['logger'] {
  const readable = !config.production && process.stdout.isTTY
  return {
    level: config.logLevel,
    serializers: LOG_SERIALIZERS,
    ...(readable
      ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,reqId' } } }
      : { stream: destination(LOG_FLOW) }),
  }
}

/** What protects people's data here, as the operator set it: a variable that was misspelt shows as `off`. */
const protections = ({ privacy, sessions }: Config) => ({
  encryption: privacy.dataKeys.length > 0 ? 'on' : 'off',
  consent: privacy.requireConsent ? 'required' : 'off',
  tickets: sessions.requireTicket ? 'required' : 'off',
  retention: Object.keys(privacy.retentionDays).length > 0 ? 'on' : 'off',
})

/** Where it listens, what it stands on, and what to set to change that. */
function announce(app: App, config: Config, address: string): void {
  const analyser =
    config.analysis.gemini === null
      ? 'local'
      : `gemini (${config.analysis.gemini.models.join(', ')}), local behind it`
  const facts = { listening: address, database: app.database.description, analyser, ...protections(config) }
  if (config.production) {
    app.log.info(facts, `maeum ${VERSION} is ready`)
    return
  }
  const { port } = new URL(address)
  const privacy = Object.entries(protections(config))
    .map(([what, state]) => `${what} ${state}`)
    .join(', ')
  const lines = [
    `maeum ${VERSION} is ready`,
    `  address    http://localhost:${port}   (PORT, HOST)`,
    `  documents  http://localhost:${port}/docs`,
    `  database   ${facts.database}   (DATABASE_URL)`,
    `  analyser   ${facts.analyser}   (GEMINI_API_KEY)`,
    `  privacy    ${privacy}`,
    '  every variable: .env.example',
  ]
  process.stdout.write(`\n${lines.join('\n')}\n\n`)
}

/** The configuration and what is doubtful about it; undefined, after one line for each fault, when it is unusable. */
function configure(): { config: Config; doubts: readonly string[] } | undefined {
  try {
    const settings = readSettings(process.env)
    return { config: readConfig(settings), doubts: misspeltVariables(settings) }
  } catch (error) {
    const faults = error instanceof ConfigError ? error.faults : [`maeum cannot start: ${reasonOf(error)}`]
    for (const fault of faults) process.stderr.write(`${fault}\n`)
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const listening = 'syscall' in error && (error.syscall === 'listen' || error.syscall === 'getaddrinfo')
  return listening ? `${error.message}; choose another PORT or HOST` : error.message
}

/**
 * Ends the process in order, once: readiness is red for `drainDelayMs` before the port closes. Supervisors may send
 * SIGTERM twice, which changes nothing; Ctrl-C twice ends at once.
 */
function endWithGrace(drainDelayMs: number, getApp: () => App | undefined) {
  let isEnding = false
  let isTerminated = false
  const delay = SHUTDOWN_MS + drainDelayMs
  const grace = closeWithGrace({ delay, skip: ['SIGTERM'] }, async ({ err, signal }) => {
    isEnding = true
    const app = getApp()
    const sent = isTerminated ? 'SIGTERM' : signal
    if (err !== undefined) app?.log.fatal({ err }, 'the process ends because of a fault')
    else app?.log.info({ signal: sent }, 'the process ends')
    if (isTerminated && drainDelayMs > 0) {
      app?.announceShutdown()
      await pause(drainDelayMs)
    }
    await app?.close()
  })
  process.on('SIGTERM', () => {
    if (isEnding) {
      getApp()?.log.info('SIGTERM again: the process is ending')
      return
    }
    isTerminated = true
    grace.close()
  })
  return grace
}

async function main(): Promise<void> {
  const configured = configure()
  if (configured === undefined) {
    process.exitCode = 1
    return
  }
  const { config, doubts } = configured
  let app: App | undefined
  const grace = endWithGrace(config.server.drainDelayMs, () => app)
  try {
    app = await buildApp({ config, logger: loggerOf(config) })
    for (const doubt of doubts) app.log.warn(doubt)
    const address = await app.listen({ port: config.server.port, host: config.server.host })
    announce(app, config, address)
  } catch (error) {
    grace.uninstall()
    process.stderr.write(`maeum cannot start: ${reasonOf(error)}\n`)
    process.exitCode = 1
    await app?.close()
  }
}

await main()
