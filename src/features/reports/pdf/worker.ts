import { parentPort } from 'node:worker_threads'
import { writeDocument } from './document.ts'
import type { PrintedReport } from './printed-report.ts'

/** What a worker posts: the bytes of its document, in order, then `done` or `failed`. */
export type WorkerMessage =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string }

const post = (message: WorkerMessage) => parentPort?.postMessage(message)

parentPort?.on('message', (report: PrintedReport) => {
  new Promise<void>((resolve) =>
    resolve(writeDocument(report, (bytes) => post({ kind: 'bytes', bytes }))),
  ).then(
    () => post({ kind: 'done' }),
    (error: unknown) =>
      post({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
  )
})
