import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Type } from 'typebox'
import { pathInRoot, ROOT } from '../lib/root.ts'
import { CommandError, defineCommand, EXIT } from './command.ts'

const PROGRAM = pathInRoot('demo/main.ts')

/** Whether the demo and its loader are installed; a production image has neither. */
function isInstalled(): boolean {
  try {
    createRequire(ROOT).resolve('tsx')
    return existsSync(PROGRAM)
  } catch {
    return false
  }
}

/** Runs `npm run demo`: a full session on a recorded face, with a temporary database. */
export const demo = defineCommand({
  name: 'demo',
  text: 'demo',
  examples: ['demo', 'demo --json'],
  finding: 'demo.finding',
  result: Type.Object({ passed: Type.Boolean({ description: 'every window was read right' }) }),
  run: async ({ isJson, texts }) => {
    if (!isInstalled()) throw new CommandError(texts('demo.missing'))
    // The report of the demo is no part of the JSON document.
    const child = spawn(process.execPath, ['--import', 'tsx', PROGRAM], {
      cwd: pathInRoot('.'),
      stdio: ['ignore', isJson ? 2 : 1, 2],
    })
    const [code] = (await once(child, 'exit')) as [number | null] // null when a signal ended it
    const passed = code === 0
    return { result: { passed }, exit: passed ? EXIT.done : EXIT.found }
  },
  print: () => [], // the demo has printed its report
})
