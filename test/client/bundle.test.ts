import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { bundle } from './bundled.ts'
import { FACE, GREETING, startFake } from './kit.ts'

const LARGEST_BYTES = 12 * 1024

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
