import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ENTRY = fileURLToPath(new URL('../../client/index.ts', import.meta.url))

/** The client as a page loads it. */
export async function bundle(options: { readonly minify: boolean; readonly format: 'esm' | 'iife' }) {
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
