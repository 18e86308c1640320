import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { get } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Memory in bytes, and CPU time since the start in ms. */
export type Usage = { readonly rss: number; readonly heapUsed: number; readonly cpuMs: number }

export type MeasuredProcess = {
  /** `http://127.0.0.1:port` */
  readonly origin: string
  /** From the start of the process to the first successful response, ms. */
  readonly readyMs: number
  /** With `collect` it runs a garbage collection first. */
  usage(how?: 'collect'): Promise<Usage>
  /** Ends the process; returns the exit code, null if it was killed. */
  stop(): Promise<number | null>
}

export type Start = {
  /** Arguments of node. */
  readonly args: readonly string[]
  /** Command prefix before `node`. */
  readonly prefix: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** The path that answers 200 once the server is ready. */
  readonly readyPath: string
  /** File for the output of the process. */
  readonly log: string
}

const PROBE = fileURLToPath(new URL('probe.mjs', import.meta.url))
const READY_DEADLINE_MS = 60_000
const ANSWER_DEADLINE_MS = 30_000
const STOP_DEADLINE_MS = 15_000
const POLL_MS = 5

/** Starts a node program that serves HTTP on `PORT`, a free one unless `env` names it, and waits until it is ready. */
export async function startMeasured(start: Start): Promise<MeasuredProcess> {
  const port = Number(start.env['PORT'] ?? (await freePort()))
  const origin = `http://127.0.0.1:${port}`
  const log = openSync(start.log, 'w')
  const command = [...start.prefix, process.execPath, '--expose-gc', '--import', PROBE, ...start.args]
  const begun = performance.now()
  const child = spawn(command[0] ?? process.execPath, command.slice(1), {
    cwd: start.cwd,
    env: { PATH: process.env.PATH, PORT: String(port), HOST: '127.0.0.1', ...start.env },
    stdio: ['ignore', log, log, 'ipc'],
  })
  closeSync(log)
  try {
    await untilReady(child, `${origin}${start.readyPath}`, begun + READY_DEADLINE_MS)
  } catch (error) {
    await stop(child)
    throw new Error(
      `${start.args.join(' ')} did not get ready:\n${readFileSync(start.log, 'utf8').slice(-2000)}`,
      {
        cause: error,
      },
    )
  }
  return {
    origin,
    readyMs: performance.now() - begun,
    usage: (how) => ask(child, how ?? 'usage'),
    stop: () => stop(child),
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo // listening on TCP
  server.close()
  await once(server, 'close')
  return port
}

async function untilReady(child: ChildProcess, url: string, deadline: number): Promise<void> {
  while ((await statusOf(url)) !== 200) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended')
    if (performance.now() > deadline) throw new Error('it took too long')
    await sleep(POLL_MS)
  }
}

const statusOf = (url: string): Promise<number> =>
  new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 5000 }, (answer) => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    })
    request.once('timeout', () => request.destroy())
    request.once('error', () => resolve(0))
  })

async function ask(child: ChildProcess, question: 'collect' | 'usage'): Promise<Usage> {
  const answered = once(child, 'message', { signal: AbortSignal.timeout(ANSWER_DEADLINE_MS) })
  child.send(question)
  const [usage] = (await answered) as [Usage] // what probe.mjs sends
  return usage
}

async function stop(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return child.exitCode
  const exited = once(child, 'exit')
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
  child.kill('SIGTERM')
  await exited
  clearTimeout(force)
  return child.exitCode
}
