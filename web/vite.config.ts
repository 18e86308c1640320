import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { defineConfig, type Plugin } from 'vite'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const OUT = path('../dist/console')

/** Files copied without bundling: the face model and the recorded face. */
const ASSETS = [
  { from: path('../node_modules/@mediapipe/face_mesh'), to: join(OUT, 'face-mesh') },
  { from: path('../demo/avatar.jsonl.gz'), to: join(OUT, 'recording/avatar.jsonl.gz') },
]
/** File types that are gzipped; the others are small or compressed already. */
const COMPRESSIBLE = /\.(js|css|html|svg|wasm)$/

const copyAssets = (): Plugin => ({
  name: 'copy-assets',
  apply: 'build',
  async closeBundle() {
    for (const { from, to } of ASSETS) await cp(from, to, { recursive: true })
    await compress(OUT)
  },
})

/** Writes a gzipped copy of each file, which the server sends to clients that accept gzip. */
async function compress(folder: string): Promise<void> {
  for (const name of await listCompressible(folder)) {
    const bytes = await readFile(name)
    await writeFile(`${name}.gz`, await promisify(gzip)(bytes, { level: 9 }))
  }
}

async function listCompressible(folder: string): Promise<string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  return all
    .filter((entry) => entry.isFile() && COMPRESSIBLE.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
}

const SERVER = process.env['MAEUM_SERVER'] ?? 'http://localhost:8000'

export default defineConfig(({ command }) => ({
  root: path('.'),
  // A proxy may publish the server below a path, so built files refer to each other by relative paths.
  base: command === 'serve' ? '/console/' : './',
  publicDir: path('public'),
  logLevel: 'warn',
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0, // the content security policy forbids styles in data URLs
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rollupOptions: { input: { index: path('index.html'), face: path('face.html') } },
  },
  plugins: [copyAssets()],
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
