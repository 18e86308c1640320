import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const OUT = path('../dist/console')

/** What the page loads as it is: the face model, which no bundler should touch, and the recorded face. */
const PARTS = [
  { from: path('../node_modules/@mediapipe/face_mesh'), to: join(OUT, 'face-mesh') },
  { from: path('../demo/avatar.jsonl.gz'), to: join(OUT, 'recording/avatar.jsonl.gz') },
]
/** Two thirds smaller on their way; the rest is small or packed already. */
const WORTH_PACKING = /\.(js|css|html|svg|wasm)$/

const parts = (): Plugin => ({
  name: 'parts',
  apply: 'build',
  async closeBundle() {
    for (const { from, to } of PARTS) await cp(from, to, { recursive: true })
    await pack(OUT)
  },
})

/** Beside each file its gzipped twin, which the server sends to whoever takes it. */
async function pack(folder: string): Promise<void> {
  for (const name of await files(folder)) {
    const bytes = await readFile(name)
    await writeFile(`${name}.gz`, await promisify(gzip)(bytes, { level: 9 }))
  }
}

async function files(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  return all
    .filter((entry) => entry.isFile() && WORTH_PACKING.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

const SERVER = process.env['MAEUM_SERVER'] ?? 'http://localhost:8000'

export default defineConfig(({ command }) => ({
  root: path('.'),
  // A proxy may publish the server below a path of its own, so built files name each other by their place.
  base: command === 'serve' ? '/console/' : './',
  publicDir: path('public'),
  logLevel: 'warn',
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // a style in a data address is one that the policy forbids
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: { index: path('index.html'), face: path('face.html') } },
  },
  plugins: [parts()],
  server: {
    proxy: {
      '/api': { target: SERVER },
      '/metrics': { target: SERVER },
      '/ws': { target: SERVER, ws: true },
      '/console/about.json': { target: SERVER },
      '/console/face-mesh': { target: SERVER },
      '/console/recording': { target: SERVER },
    },
  },
}))
