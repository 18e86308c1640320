import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import t from 'tap'
import { FACE, GREETING, startFake } from './kit.ts'

const LARGEST_BYTES = 12 * 1024
const CHROMIUM = '/usr/bin/chromium'
const ENTRY = fileURLToPath(new URL('../../client/index.ts', import.meta.url))

/** The client as a page loads it. */
async function bundle(options: { readonly minify: boolean; readonly format: 'esm' | 'iife' }) {
  const { outputFiles, metafile } = await build({
    entryPoints: [ENTRY],
    bundle: true,
    platform: 'browser', // a Node module would not be found
    target: 'es2022',
    write: false,
    metafile: true,
    globalName: 'maeum',
    logLevel: 'silent',
    ...options,
  })
  return { code: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs) }
}

t.test('the client is small, and nothing of the server is in it', async (t) => {
  const { code, inputs } = await bundle({ minify: true, format: 'esm' })
  const { length } = gzipSync(code, { level: 9 })
  t.ok(length <= LARGEST_BYTES, `${length} bytes gzipped`)
  t.same(
    inputs.filter((path) => !path.startsWith('client/')),
    [],
  )
  t.notMatch(code, /\b(?:document|window)\./, 'and it needs no DOM')
})

t.test('it runs in a worker', async (t) => {
  const fake = await startFake(t, {
    onSocket: ({ send }) => {
      send(GREETING)
      send({ type: 'rate', data: { fps: 20, formats: ['float32.v1'] } })
    },
  })
  const { code } = await bundle({ minify: true, format: 'iife' })
  const body = `${code}
    const { parentPort, workerData } = require('node:worker_threads')
    const { WebSocket } = require('ws')
    const client = maeum.createClient({ server: workerData, WebSocket, tokens: maeum.memoryTokens() })
    const session = client.startSession()
    session.then((s) => s.on('open', ({ channel }) => parentPort.postMessage(channel)))
    parentPort.on('message', async (points) => parentPort.postMessage((await session).push(points)))
  `
  const worker = new Worker(body, { eval: true, workerData: fake.origin })
  t.teardown(() => worker.terminate())
  const heard: unknown[] = []
  const frame = new Promise<Buffer>((resolve) => {
    worker.on('message', (word) => {
      heard.push(word)
      if (word !== 'landmarks') return
      worker.postMessage(Float32Array.from(FACE.flatMap(({ x, y, z }) => [x, y, z])))
      const socket = fake.sockets.find(({ channel }) => channel === 'landmarks')
      socket?.raw.once('message', (data: Buffer) => resolve(data))
    })
  })
  t.equal((await frame).length, 24 + 478 * 12)
  t.ok(heard.includes('landmarks'))
})

// The seam for the same kit in a real browser.
const browserDriver: string = 'playwright-core' // no dependency yet
const playwright = await import(browserDriver).catch(() => undefined)
const missing = [
  existsSync(CHROMIUM) ? '' : CHROMIUM,
  playwright === undefined ? 'playwright-core' : '',
].filter(Boolean)
const skip =
  missing.length > 0 && `!!! ${missing.join(' and ')} not here: the client is NOT TESTED IN A BROWSER`

t.test('it runs in a browser', { skip, timeout: 60_000 }, async (t) => {
  const { code } = await bundle({ minify: false, format: 'iife' })
  const fake = await startFake(t, {
    page: `<!doctype html><meta charset="utf-8"><script>${code.replaceAll('</script', '<\\/script')}</script>`,
    onSocket: ({ send, raw }, all) => {
      send(GREETING)
      send({ type: 'rate', data: { fps: 20, formats: ['float32.v1'] } })
      if (all.length === 1) raw.once('message', () => raw.terminate()) // it comes back
    },
  })
  const browser = await playwright.chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: false })
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('pageerror', (error: Error) => faults.push(error.message))
  await page.goto(fake.origin)
  const events: string[] = await page.evaluate(
    (points: number[]) =>
      // In the page, where `maeum` is the client.
      // eslint-disable-next-line @typescript-eslint/no-implied-eval -- text, since it is not this module's scope
      new Function(
        'points',
        `return (async () => {
          const told = []
          const client = maeum.createClient()
          const session = await client.startSession({ channels: ['landmarks'], reconnect: { baseMs: 20 } })
          for (const type of ['open', 'reconnecting']) session.on(type, () => told.push(type))
          while (told.length < 3) {
            session.push(Float32Array.from(points), { width: 640, height: 480 })
            await new Promise((resolve) => setTimeout(resolve, 20))
          }
          session.close()
          return told
        })()`,
      )(points),
    FACE.flatMap(({ x, y, z }) => [x, y, z]),
  )
  t.same(events, ['open', 'reconnecting', 'open'])
  t.same(faults, [])
  t.equal((fake.sockets[0]?.received[0] as Buffer).length, 24 + 478 * 12)
})
