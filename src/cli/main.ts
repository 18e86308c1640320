#!/usr/bin/env node
import process from 'node:process'
import { COMMANDS } from './commands.ts'
import { runCli } from './run.ts'

// The command line of the operator: `npx maeum`, or `node dist/cli/main.js` in the image.
const { argv, env, stdin, stdout, stderr } = process

// A reader that has read enough, such as `head`, closes the pipe.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

process.exitCode = await runCli(COMMANDS, argv.slice(2), { environment: env, stdin, stdout, stderr })
