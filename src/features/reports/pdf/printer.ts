import { performance } from 'node:perf_hooks'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import pLimit from 'p-limit'
import { AppError } from '../../../errors.ts'
import type { PrintedReport } from './printed-report.ts'
import type { WorkerMessage } from './worker.ts'

/** Documents that may wait for the one that is being written. */
const MOST_WAITING = 16
/**
 * As long as a request may take. An hour's session takes a tenth of a second: what takes this long, start of the thread
 * included, is stuck, and who has waited this long for a turn is not there any more.
 */
const DEADLINE_MS = 15_000
/** An idle worker keeps the fonts in memory this long. */
const IDLE_MS = 60_000
const RETRY_SECONDS = 2
/** Megabytes of heap that a document may take. */
const HEAP_MB = 256

const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const PROGRAM = new URL(`./worker.${EXTENSION}`, import.meta.url)

const busy = (cause?: unknown) => new AppError('SERVER_BUSY', { retryAfter: RETRY_SECONDS, cause })

/** Where the source runs as it is (development, tests) a thread has no loader of TypeScript until it registers one. */
const uncompiled = () => `
  import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(({ register }) => {
    register()
    return import(${JSON.stringify(PROGRAM.href)})
  })`

export const startWriter = (): Worker => {
  const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB }
  return EXTENSION === 'ts'
    ? new Worker(uncompiled(), { resourceLimits, eval: true })
    : new Worker(PROGRAM, { resourceLimits })
}

/**
 * Writes documents one at a time on a thread of its own: subsetting the fonts and drawing the charts would hold up the
 * sockets of every live session for a tenth of a second. The thread is started for the first document and let go when
 * nobody has asked for another in a minute.
 */
export function createPrinter(start = startWriter) {
  const queue = pLimit(1)
  let worker: Worker | undefined
  let idle: NodeJS.Timeout | undefined
  let isClosed = false

  const letGo = async (old: Worker | undefined): Promise<void> => {
    if (worker === old) {
      clearTimeout(idle)
      worker = undefined
    }
    await old?.terminate()
  }

  /** A machine that gives no thread now may give one later. */
  const started = (): Worker => {
    try {
      return start()
    } catch (error) {
      throw busy(error)
    }
  }

  const hire = (): Worker => {
    if (isClosed) throw busy()
    clearTimeout(idle)
    if (worker !== undefined) return worker
    const hired = started()
    hired.unref()
    hired.on('error', () => undefined) // who waits for a document hears of it through a listener of its own
    hired.once('exit', () => {
      if (worker === hired) worker = undefined
    })
    worker = hired
    return hired
  }

  /** Hands out the bytes from the worker until the document is complete. A thread that is lost is nobody's mistake. */
  const write = (report: PrintedReport, onBytes: (bytes: Uint8Array) => void) =>
    new Promise<void>((resolve, reject) => {
      const writer = hire()
      const finish = (fault?: Error) => {
        clearTimeout(deadline)
        writer.off('message', listen).off('error', lost).off('exit', gone)
        if (fault === undefined) resolve()
        else reject(fault)
      }
      const lost = (cause: unknown) => {
        void letGo(writer)
        finish(busy(cause))
      }
      const gone = () => lost(new Error('the thread that wrote the document ended'))
      const listen = (message: WorkerMessage) => {
        if (message.kind === 'bytes') onBytes(message.bytes)
        else finish(message.kind === 'done' ? undefined : new Error(message.reason))
      }
      const deadline = setTimeout(
        () => lost(new Error(`a document took longer than ${DEADLINE_MS} ms`)),
        DEADLINE_MS,
      )
      writer.on('message', listen).once('error', lost).once('exit', gone)
      try {
        writer.postMessage(report)
      } catch (error) {
        finish(error instanceof Error ? error : new Error('a report that cannot be handed over'))
      }
    })

  return {
    /**
     * The document, readable when its first bytes are there. Its size is bounded (about 100 KB, by what is drawn of
     * however long a session), so it is not held back for a slow reader, who would hold up everybody else's.
     * Throws `SERVER_BUSY` when too many wait or the thread is lost: whoever asks again gets another one.
     */
    async print(report: PrintedReport): Promise<Readable> {
      if (isClosed || queue.pendingCount >= MOST_WAITING) throw busy()
      const askedAt = performance.now()
      const document = new Readable({ read: () => undefined }).on('error', () => undefined) // its reader is told as well
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
            reject(error instanceof Error ? error : new Error(String(error))) // heard until the first bytes
            document.destroy(new Error('the document breaks off', { cause: error }))
          }
          if (queue.pendingCount === 0) idle = setTimeout(() => void letGo(worker), IDLE_MS).unref()
        })
      })
    },

    /** Waits for nothing: what is being written is cut off. */
    close: async (): Promise<void> => {
      isClosed = true
      await letGo(worker)
    },
  }
}

export type Printer = ReturnType<typeof createPrinter>
