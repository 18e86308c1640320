import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import closeWithGrace from 'close-with-grace'
import type { FastifyServerOptions } from 'fastify'
import { type App, buildApp } from './app.ts'
import { type Config, ConfigError, readConfig } from './config/config.ts'
import { findMisspeltVariables, readSettings } from './config/environment.ts'
import { protectionsOf } from './config/protections.ts'
import { pause } from './lib/deadline.ts'
import { NO_TRACING, type Tracing } from './lib/tracing.ts'
import { LOG_SERIALIZERS, openLogStream } from './http/logging.ts'
import { VERSION } from './version.ts'

const SHUTDOWN_MS = 9000

/*
 * Allocation site pretenuring makes V8 allocate objects in the old space that it expects to live long. Here such
 * objects keep their frames alive until a full collection: 100 MB per second, and a full collection every second.
 * Without pretenuring, frames are collected in the young generation (`npm run bench -- ingest latency`). The buffers of
 * frames also count for the next full collection, so the heap may grow to twice its live size. Measured in decision
 * record 12.
 */
setFlagsFromString('--no-allocation-site-pretenuring')
setFlagsFromString('--heap-growing-percent=100')

/** Where traces go, if a collector is set. The SDK is loaded only then: it takes time and memory. */
async function openTracing({ tracing, server }: Config): Promise<Tracing> {
  if (tracing === null) return NO_TRACING
  const { startTracing } = await import('./lib/open-telemetry/tracing.ts')
  const continuesTraces = server.trustProxy !== false
  return startTracing({ ...tracing, serviceVersion: VERSION, continuesTraces })
}

type LogStream = ReturnType<typeof openLogStream>

function createLoggerOptions(config: Config, output: LogStream | null): FastifyServerOptions['logger'] {
  return {
    level: config.logLevel,
    serializers: LOG_SERIALIZERS,
    ...(output === null
      ? { transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname,reqId' } } }
      : { stream: output.stream }),
  }
}

/** The server with its logger and its traces. */
async function openApp(config: Config): Promise<App> {
  const tracing = await openTracing(config)
  const output = !config.production && process.stdout.isTTY ? null : openLogStream()
  return buildApp({
    config,
    tracing,
    logger: createLoggerOptions(config, output),
    ...(output === null ? {} : { droppedLogLines: output.countDropped }),
  })
}

/** Prints the address, the database, the analyser and the variables that change them. */
function printAnnouncement(app: App, config: Config, address: string): void {
  const analyser =
    config.analysis.gemini === null
      ? 'local'
      : `gemini (${config.analysis.gemini.models.join(', ')}), local as fallback`
  const facts = { listening: address, database: app.database.description, analyser, ...protectionsOf(config) }
  if (config.production) {
    app.log.info(facts, `maeum ${VERSION} is ready`)
    return
  }
  const { port } = new URL(address)
  const privacy = Object.entries(protectionsOf(config))
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

/** The configuration and its warnings. Prints one line per fault and returns undefined when it is invalid. */
function configure(): { config: Config; doubts: readonly string[] } | undefined {
  try {
    const settings = readSettings(process.env)
    return { config: readConfig(settings), doubts: findMisspeltVariables(settings) }
  } catch (error) {
    const faults =
      error instanceof ConfigError ? error.faults : [`maeum cannot start: ${describeError(error)}`]
    for (const fault of faults) process.stderr.write(`${fault}\n`)
    return undefined
  }
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const listening = 'syscall' in error && (error.syscall === 'listen' || error.syscall === 'getaddrinfo')
  return listening ? `${error.message}; choose another PORT or HOST` : error.message
}

/**
 * Shuts the process down once: readiness fails for `drainDelayMs` before the port closes. A second SIGTERM, which some
 * supervisors send, has no effect; a second Ctrl-C ends the process immediately.
 */
function endWithGrace(drainDelayMs: number, getApp: () => App | undefined) {
  let isEnding = false
  let isTerminated = false
  const delay = SHUTDOWN_MS + drainDelayMs
  const grace = closeWithGrace({ delay, skip: ['SIGTERM'] }, async ({ err, signal }) => {
    isEnding = true
    const app = getApp()
    const sent = isTerminated ? 'SIGTERM' : signal
    if (err !== undefined) app?.log.fatal({ err }, 'the process ends because of an error')
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

/** Starts the server as configured; false, with one line for each reason, if it cannot start. */
export async function serve(): Promise<boolean> {
  const configured = configure()
  if (configured === undefined) return false
  const { config, doubts } = configured
  let app: App | undefined
  const grace = endWithGrace(config.server.drainDelayMs, () => app)
  try {
    app = await openApp(config)
    for (const doubt of doubts) app.log.warn(doubt)
    const address = await app.listen({ port: config.server.port, host: config.server.host })
    printAnnouncement(app, config, address)
    return true
  } catch (error) {
    grace.uninstall()
    process.stderr.write(`maeum cannot start: ${describeError(error)}\n`)
    process.exitCode = 1
    await app?.close()
    return false
  }
}
