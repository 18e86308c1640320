import { readFileSync } from 'node:fs'
import { pathInRoot } from './lib/root.ts'

const manifest: unknown = JSON.parse(readFileSync(pathInRoot('package.json'), 'utf8'))

/** The version in package.json. */
export const VERSION: string =
  typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : '0.0.0'

/** The versions of Node in package.json, such as `>=20.19`. */
export const NODE_VERSIONS: string =
  typeof manifest === 'object' &&
  manifest !== null &&
  'engines' in manifest &&
  typeof manifest.engines === 'object' &&
  manifest.engines !== null &&
  'node' in manifest.engines
    ? String(manifest.engines.node)
    : '>=0'
