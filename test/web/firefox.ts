import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { WebSocket } from 'ws'

const FIREFOX = '/usr/bin/firefox-esr'
/** Why Firefox cannot be tried here, loudly; false when it can. */
export const skipFirefox =
  !existsSync(FIREFOX) && `!!! ${FIREFOX} is not here: the console is NOT TESTED IN FIREFOX`

const PREFERENCES = `
user_pref('media.navigator.streams.fake', true);
user_pref('media.navigator.permission.disabled', true);
user_pref('webgl.force-enabled', true);
user_pref('intl.locale.requested', 'en-US');
user_pref('app.update.enabled', false);
user_pref('datareporting.policy.dataSubmissionEnabled', false);
user_pref('browser.shell.checkDefaultBrowser', false);
`
const PATIENCE_MS = 120_000
const GLANCE_MS = 250

export type FirefoxPage = {
  goto(url: string): Promise<void>
  /** The value of an expression in the page, of which JSON can be made. */
  evaluate<T>(expression: string): Promise<T>
  /** Waits until the expression is true. */
  until(expression: string): Promise<void>
}

/** Debian's Firefox, which Playwright does not drive, by WebDriver BiDi (W3C), which Firefox speaks itself. */
export async function openFirefox(t: Pick<Test, 'teardown'>): Promise<FirefoxPage> {
  const profile = await mkdtemp(join(tmpdir(), 'maeum-firefox-'))
  await writeFile(join(profile, 'user.js'), PREFERENCES)
  const process_ = spawn(
    FIREFOX,
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port', '0', 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, HOME: profile } },
  )
  const ended = once(process_, 'exit')
  t.teardown(async () => {
    process_.kill()
    await ended
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  })
  let address: string | undefined
  for await (const line of createInterface(process_.stderr)) {
    address = /BiDi listening on (ws:\S+)/.exec(line)?.[1]
    if (address !== undefined) break
  }
  process_.stderr.resume()
  if (address === undefined) throw new Error('Firefox ended before it could be spoken to')
  const socket = new WebSocket(`${address}/session`)
  t.teardown(() => socket.terminate())
  await once(socket, 'open')
  return pageBehind(socket)
}

async function pageBehind(socket: WebSocket): Promise<FirefoxPage> {
  const waiting = new Map<number, (answer: Answer) => void>()
  socket.on('message', (data: Buffer) => {
    const answer = JSON.parse(data.toString()) as Answer // as the protocol says
    if (answer.id !== undefined) waiting.get(answer.id)?.(answer)
  })
  let last = 0
  const send = (method: string, params: object) =>
    new Promise<Answer>((resolve, reject) => {
      const id = ++last
      waiting.set(id, (answer) => {
        waiting.delete(id)
        if (answer.type === 'error') reject(new Error(`${method}: ${answer.message ?? ''}`))
        else resolve(answer)
      })
      socket.send(JSON.stringify({ id, method, params }))
    })
  await send('session.new', { capabilities: {} })
  const tree = await send('browsingContext.getTree', {})
  const context = tree.result?.contexts?.[0]?.context
  const evaluate = async <T>(expression: string): Promise<T> => {
    const { result } = await send('script.evaluate', {
      expression: `(async () => JSON.stringify(await (${expression})) ?? 'null')()`,
      target: { context },
      awaitPromise: true,
    })
    if (result?.exceptionDetails !== undefined) throw new Error(result.exceptionDetails.text)
    return JSON.parse(String(result?.result?.value)) as T // what the test asked for
  }
  return {
    evaluate,
    async goto(url) {
      await send('browsingContext.navigate', { context, url, wait: 'complete' })
    },
    async until(expression) {
      const deadline = Date.now() + PATIENCE_MS
      // A page that is just being left has nothing to say.
      while (!(await evaluate<boolean>(`Boolean(${expression})`).catch(() => false))) {
        if (Date.now() > deadline)
          throw new Error(
            `never: ${expression}; the page says: ${await evaluate<string>('document.body.innerText')}`,
          )
        await new Promise((resolve) => setTimeout(resolve, GLANCE_MS))
      }
    },
  }
}

type Answer = {
  readonly id?: number
  readonly type: string
  readonly message?: string
  readonly result?: {
    readonly contexts?: readonly { readonly context: string }[]
    readonly result?: { readonly value?: unknown }
    readonly exceptionDetails?: { readonly text: string }
  }
}
