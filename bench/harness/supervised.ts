import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

export type Service = {
  readonly command: readonly string[]
  readonly cwd: string
  readonly account: { readonly uid: number; readonly gid: number } | undefined
  /** The output is appended to this file. */
  readonly log: string
  /** Whether it is started again after an exit that was not asked for, as a service manager does. */
  readonly restarts: boolean
}

const RESTART_MS = 200
const STOP_DEADLINE_MS = 30_000

/** A program that runs until it is stopped. */
export class Supervised {
  readonly #service: Service
  #child: ChildProcess | undefined
  #isWanted = false

  constructor(service: Service) {
    this.#service = service
  }

  get pid(): number | undefined {
    return this.isRunning ? this.#child?.pid : undefined
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  start(): void {
    this.#isWanted = true
    const { command, cwd, account, log, restarts } = this.#service
    const [program = '', ...args] = command
    const output = openSync(log, 'a')
    const child = spawn(program, args, {
      ...account,
      cwd,
      detached: true, // Ctrl-C ends it in order, not at once
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C.UTF-8', HOME: cwd },
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    this.#child = child
    child.once('error', () => undefined) // it then has no pid, which the caller detects by waiting for the service
    child.once('exit', () => {
      if (restarts && this.#isWanted)
        void sleep(RESTART_MS).then(() => (this.#isWanted && !this.isRunning ? this.start() : undefined))
    })
  }

  /** Resolves when it has ended. It is not started again. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    this.forget()
    const child = this.#child
    if (child === undefined || !this.isRunning) return
    const exited = once(child, 'exit')
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS)
    child.kill(signal)
    await exited
    clearTimeout(force)
  }

  /** It is not started again when it ends. */
  forget(): void {
    this.#isWanted = false
  }
}
