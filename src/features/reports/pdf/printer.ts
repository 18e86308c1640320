import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import pLimit from 'p-limit'
import { ROOT } from '../../../lib/root.ts'
import { AppError } from '../../../protocol/errors.ts'
import type { PrintedReport } from './printed-report.ts'
import type { WorkerMessage } from './worker.ts'

/** Documents that may wait. */
const MAX_WAITING = 16
/**
 * The deadline of a request. A session of one hour takes a tenth of a second, so a document that takes this long,
 * including the start of the thread, is stuck, and a client that has waited this long has disconnected.
 */
const DEADLINE_MS = 15_000
/** An idle worker, which holds the fonts in memory, is stopped after this time. */
const IDLE_MS = 60_000
const RETRY_SECONDS = 2
/** Heap limit of the worker. */
const HEAP_MB = 256

const IS_COMPILED = !import.meta.url.endsWith('.ts')
const PROGRAM = new URL(
  IS_COMPILED ? 'dist/features/reports/pdf/worker.js' : 'src/features/reports/pdf/worker.ts',
  ROOT,
)

const busy = (cause?: unknown) => new AppError('SERVER_BUSY', { retryAfter: RETRY_SECONDS, cause })

/** When the source is not compiled (development, tests), a thread must register the TypeScript loader itself. */
const uncompiled = () => `
  import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => {
    register()
    return import(${JSON.stringify(PROGRAM.href)})
  })`

export const startWriter = (): Worker => {
  const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB }
  return IS_COMPILED
    ? new Worker(PROGRAM, { resourceLimits })
    : new Worker(uncompiled(), { resourceLimits, eval: true })
}

/**
 * Writes documents one at a time on a worker thread, because subsetting the fonts and drawing the charts would block
 * the sockets for a tenth of a second. The thread starts with the first document and stops after a minute without one.
 */
export function createPrinter(start = startWriter) {
  const queue = pLimit(1)
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let isClosed = false

  const dismiss = async (old: Worker | undefined): Promise<void> => {
    if (worker === old) {
      clearTimeout(idle)
      worker = undefined
    }
    await old?.terminate()
  }

  /** A thread that cannot be started now may start later. */
  const startWorker = (): Worker => {
    try {
      return start()
    } catch (error) {
      throw busy(error)
    }
  }

  const getWorker = (): Worker => {
    if (isClosed) throw busy()
    clearTimeout(idle)
    if (worker !== undefined) return worker
    const created = startWorker()
    created.unref()
    created.on('error', () => undefined) // each document has its own listener
    created.once('exit', () => {
      if (worker === created) worker = undefined
    })
    worker = created
    return created
  }

  /** Passes the bytes to `onBytes` until the document is complete. Rejects with SERVER_BUSY when the thread is lost. */
  const write = (report: PrintedReport, onBytes: (bytes: Uint8Array) => void) =>
    new Promise<void>((resolve, reject) => {
      const writer = getWorker()
      const finish = (fault?: Error) => {
        clearTimeout(deadline)
        writer.off('message', onMessage).off('error', onLost).off('exit', onExit)
        if (fault === undefined) resolve()
        else reject(fault)
      }
      const onLost = (cause: unknown) => {
        void dismiss(writer)
        finish(busy(cause))
      }
      const onExit = () => onLost(new Error('the thread that wrote the document ended'))
      const onMessage = (message: WorkerMessage) => {
        if (message.kind === 'bytes') onBytes(message.bytes)
        else finish(message.kind === 'done' ? undefined : new Error(message.reason))
      }
      const deadline = setTimeout(
        () => onLost(new Error(`a document took longer than ${DEADLINE_MS} ms`)),
        DEADLINE_MS,
      )
      writer.on('message', onMessage).once('error', onLost).once('exit', onExit)
      try {
        writer.postMessage(report)
      } catch (error) {
        finish(error instanceof Error ? error : new Error('the report cannot be passed to the thread'))
      }
    })

  return {
    /**
     * Resolves with the document when its first bytes are available. Its size is bounded (about 100 KB for any length
     * of session), so the writer does not wait for a slow reader, which would delay all others.
     * Rejects with `SERVER_BUSY` when too many documents wait or the thread is lost; a retry starts a new thread.
     */
    async print(report: PrintedReport): Promise<Readable> {
      if (isClosed || queue.pendingCount >= MAX_WAITING) throw busy()
      const askedAt = performance.now()
      const document = new Readable({ read: () => undefined }).on('error', () => undefined) // the reader gets it too
      return new Promise((resolve, reject) => {
        void queue(async () => {
          try {
            if (performance.now() - askedAt > DEADLINE_MS) throw busy()
            await write(report, (bytes) => {
              document.push(bytes)
              resolve(document)
            })
            document.push(null)
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error))) // no effect after the first bytes
            document.destroy(new Error('the document is incomplete', { cause: error }))
          }
          if (queue.pendingCount === 0) idle = setTimeout(() => void dismiss(worker), IDLE_MS).unref()
        })
      })
    },

    /** Does not wait: a document in progress is aborted. */
    close: async (): Promise<void> => {
      isClosed = true
      await dismiss(worker)
    },
  }
}

export type Printer = ReturnType<typeof createPrinter>
