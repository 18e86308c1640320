import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { builtModule } from './built.ts'
import { eventually } from './eventually.ts'

export type ServerProcess = {
  readonly child: ChildProcessWithoutNullStreams
  /** What it has written so far. */
  readonly output: { stdout: string; stderr: string }
  /** Its exit code, once it has ended; null when a signal ended it. */
  readonly ended: Promise<number | null>
  /** The port, once it listens; rejects when it ends instead. */
  readonly listening: () => Promise<number>
}

/** A folder of its own for a process, removed when the test ends. */
export async function temporaryFolder(t: Pick<Test, 'teardown'>, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, 'maeum-boot-'))
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20 }))
  return folder
}

/** The program as an operator starts it, with these variables alone; killed when the test ends. */
export function startProcess(
  t: Pick<Test, 'teardown'>,
  folder: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [builtModule('main')],
): ServerProcess {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => code as number | null) // as Node documents it
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const listening = async () => {
    const state = () => ({ ...output, code: child.exitCode, port: portIn(output.stdout) })
    const { port, stderr } = await eventually(state, ({ code, port }) => code !== null || port !== undefined)
    if (port === undefined) throw new Error(`the server ended: ${stderr}`)
    return port
  }
  return { child, output, ended, listening }
}

/** From the block for people, or from the log line of production. */
const portIn = (text: string): number | undefined => {
  const port = /address +http:\/\/localhost:(\d+)|"listening":"http:[^"]*:(\d+)"/.exec(text)
  return port === null ? undefined : Number(port[1] ?? port[2])
}
