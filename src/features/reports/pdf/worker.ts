import { parentPort } from 'node:worker_threads'
import { writeDocument } from './document.ts'
import type { PrintedReport } from './printed-report.ts'

/** What a worker tells: the bytes of the document it was given, in order, then that it is done or why it is not. */
export type WorkerMessage =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly reason: string }

const tell = (message: WorkerMessage) => parentPort?.postMessage(message)

parentPort?.on('message', (report: PrintedReport) => {
  new Promise<void>((resolve) =>
    resolve(writeDocument(report, (bytes) => tell({ kind: 'bytes', bytes }))),
  ).then(
    () => tell({ kind: 'done' }),
    (error: unknown) =>
      tell({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
  )
})
