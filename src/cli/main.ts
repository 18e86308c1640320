#!/usr/bin/env node
import process from 'node:process'
import { setFlagsFromString } from 'node:v8'
import { EXIT } from './command.ts'
import { findCommandWord } from './command-line.ts'

// The command line of the operator: `npx maeum`, or `node dist/cli/main.js` in the image.
const { argv, env, stdin, stdout, stderr } = process
const args = argv.slice(2)
const isBackup = findCommandWord(args) === 'backup'

// A reader that has read enough, such as `head`, closes the pipe: the output is not complete.
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit(EXIT.failed)
  })
}

// A backup runs beside servers, on machines sized for them: it loads no other command, and its many short-lived objects
// do not enlarge the heap (the flag must be set before they exist).
if (isBackup) setFlagsFromString('--semi-space-growth-factor=1')
const commands = isBackup ? [(await import('./backup.ts')).backup] : (await import('./commands.ts')).COMMANDS
const { runCli } = await import('./run.ts')

process.exitCode = await runCli(commands, args, { environment: env, stdin, stdout, stderr })
