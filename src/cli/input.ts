import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { type Context, CommandError } from './command.ts'
import type { Terminal } from './terminal.ts'

/** A longer line on standard input is not a password. */
const MAX_LINE_BYTES = 4096

/** Without the end of the line. */
const firstLine = (text: string): string => text.split(/\r?\n/, 1)[0] ?? ''

async function readLine({ stdin }: Terminal): Promise<string> {
  let text = ''
  stdin.setEncoding('utf8')
  for await (const chunk of stdin) {
    text += String(chunk)
    if (text.includes('\n') || text.length > MAX_LINE_BYTES) break
  }
  return firstLine(text)
}

type Ask = (prompt: string) => Promise<string>

/** Asks on standard error and reads lines from the terminal; with `isHidden` they are not echoed. */
async function withTerminal<T>(
  { terminal, texts }: Context,
  isHidden: boolean,
  work: (ask: Ask) => Promise<T>,
): Promise<T> {
  const { stdin, stderr } = terminal
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  // From here on the terminal is in raw mode, so that only `output` gets the echo: before the prompt is shown.
  const output = isHidden ? silent : stderr
  const lines = createInterface({ input: stdin, output, terminal: true, historySize: 0 })
  const interrupted = new AbortController()
  lines.once('SIGINT', () => interrupted.abort()).once('close', () => interrupted.abort())
  const ask: Ask = async (prompt) => {
    if (isHidden) stderr.write(prompt)
    try {
      return await lines.question(isHidden ? '' : prompt, { signal: interrupted.signal })
    } catch {
      throw new CommandError(texts('input.cancelled'))
    } finally {
      if (isHidden) stderr.write('\n')
    }
  }
  try {
    return await work(ask)
  } finally {
    lines.close()
  }
}

/** A password: from the file, else typed twice on the terminal, else the first line of standard input. */
export async function readPassword(context: Context, file: string | undefined): Promise<string> {
  const { terminal, texts } = context
  if (file !== undefined) {
    const text = await readFile(file, 'utf8').catch((cause: unknown) => {
      throw new Error(texts('input.unreadable', { file }), { cause })
    })
    return firstLine(text)
  }
  if (terminal.stdin.isTTY !== true) return readLine(terminal)
  return withTerminal(context, true, async (ask) => {
    const password = await ask(texts('input.password'))
    if ((await ask(texts('input.again'))) !== password) throw new CommandError(texts('input.different'))
    return password
  })
}

/**
 * Resolves if the operator types `expected`.
 * @throws CommandError otherwise, and without a terminal
 */
export async function confirm(context: Context, prompt: string, expected: string): Promise<void> {
  const { terminal, texts } = context
  if (terminal.stdin.isTTY !== true) throw new CommandError(texts('input.noTerminal'))
  const typed = await withTerminal(context, false, (ask) => ask(prompt))
  if (typed.trim() !== expected) throw new CommandError(texts('input.notConfirmed'))
}
