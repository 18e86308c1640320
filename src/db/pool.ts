import type postgres from 'postgres'
import { pause } from '../lib/deadline.ts'
import { Connection, type ParsedOptions, type Statement } from './connection.ts'
import { type DriverSocket, silent, socketError } from './driver-socket.ts'
import type { ConnectionMode, PoolMode } from './connection-mode.ts'

type Dependencies = {
  readonly options: ParsedOptions
  readonly open: (signal: AbortSignal) => Promise<DriverSocket>
  readonly cancel: (key: Buffer) => void
  readonly max: number
  readonly connectDeadlineMs: number
  /** An idle connection is closed after this time, except the last one. */
  readonly maxIdleMs: number
  /** The unit of deadlines. */
  readonly tickMs: number
  readonly mode: PoolMode
  /** Called when the server is read-only: other connections to it should be renewed. */
  readonly onReadOnly: () => void
}

/** A statement or transaction that waits for a connection. */
type Task = {
  readonly deadlineTicks: number
  ticks: number
  readonly start: (connection: Connection, onEnd: () => void) => void
  readonly reject: (error: Error) => void
}

/** What the pool knows of a connection. */
type State = {
  /** The tick since which it is idle. */
  idleSince: number
  /** To be closed after its current task. */
  isRetired: boolean
  /** The mode in which it was started; undefined before its start. */
  startedIn: ConnectionMode | undefined
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
/** After a connection was refused while others are open, idle ones are closed this many times sooner. */
const CROWDED_FACTOR = 12
const CROWDED_MS = 300_000
const READ_ONLY = '25006'
/** Codes of a server that shuts down, is not the primary or does not answer: its other connections are affected too. */
const OF_ALL = /^(57P0[1-3]|25006|ETIMEDOUT)$/

/**
 * Codes of a server or pooler without free connections: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const NONE_LEFT = /^(53...|XX000|08004|08P01)$/

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '')
const destroyed = () => socketError('CONNECTION_DESTROYED', 'the database was closed')

/**
 * Assigns statements and transactions to connections in order, one at a time per connection. A task without a
 * connection or an answer within its deadline is rejected, and a connection that does not answer is ended.
 *
 * While no connection can be opened, waiting tasks are rejected with the reason, and the pool makes one attempt at a
 * time, with growing pauses. If a server or pooler refuses a connection while others are open, its limit is reached:
 * idle connections are then closed early, so that other instances can connect.
 */
export class Pool {
  readonly #deps: Dependencies
  readonly #connections = new Map<Connection, State>()
  /** Longest idle first; the last one is used next. */
  readonly #idle: Connection[] = []
  /** Connections that were refused only because of their mode. */
  readonly #toRetry = new WeakSet<Connection>()
  readonly #waiting: Task[] = []
  readonly #clock: NodeJS.Timeout
  #failures = 0
  #ticks = 0
  #crowdedUntil = 0
  #isPausing = false
  #isClosing = false
  #onEmpty: (() => void) | undefined

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
    // Ticks instead of times, so that a suspension of the process does not count as silence of the server.
    this.#clock = setInterval(() => this.#tick(), dependencies.tickMs).unref()
  }

  get usage() {
    return { connections: this.#connections.size, idle: this.#idle.length, waiting: this.#waiting.length }
  }

  run(statement: Statement, deadlineMs: number): void {
    const deadlineTicks = this.#ticksOf(deadlineMs)
    this.#add({
      deadlineTicks,
      ticks: 0,
      start: (connection, onEnd) => connection.run(statement, deadlineTicks, onEnd),
      reject: statement.reject,
    })
  }

  transact<T>(work: (sql: postgres.Sql) => Promise<T>, deadlineMs: number): Promise<T> {
    const deadlineTicks = this.#ticksOf(deadlineMs)
    return new Promise((resolve, reject) => {
      this.#add({
        deadlineTicks,
        ticks: 0,
        start: (connection, onEnd) =>
          void connection.transact(work, deadlineTicks).then(resolve, reject).then(onEnd),
        reject,
      })
    })
  }

  /** Accepts no more tasks; waits for waiting and running ones until the deadline. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.resolve() // earlier statements are added in a microtask
    this.#isClosing = true
    for (const connection of this.#idle.splice(0)) connection.end()
    const late = setTimeout(() => {
      for (const task of this.#waiting.splice(0)) task.reject(destroyed())
      for (const connection of this.#connections.keys()) connection.fail(destroyed())
    }, deadlineMs)
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve
      this.#settleClose()
    })
    clearTimeout(late)
    clearInterval(this.#clock)
  }

  #ticksOf(ms: number): number {
    return Math.max(1, Math.ceil(ms / this.#deps.tickMs))
  }

  #add(task: Task): void {
    if (this.#isClosing) task.reject(socketError('CONNECTION_ENDED', 'the database is being closed'))
    else {
      this.#waiting.push(task)
      this.#serve()
    }
  }

  /** Assigns waiting tasks to idle connections, then to new ones. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#idle.pop() ?? this.#connect()
      if (connection === undefined) return
      const task = this.#waiting.shift()
      if (task === undefined) return
      if (this.#connections.get(connection)?.startedIn !== undefined) this.#carryOut(task, connection)
      else void this.#begin(task, connection)
    }
  }

  // No await before the release: a caller that has its result finds the connection free.
  #carryOut(task: Task, connection: Connection): void {
    task.start(connection, () => this.#release(connection))
  }

  async #begin(task: Task, connection: Connection): Promise<void> {
    const startedAt = this.#ticks
    const error = await this.#start(connection, task.deadlineTicks)
    task.ticks += this.#ticks - startedAt
    if (error === undefined) this.#carryOut(task, connection)
    else this.#giveBack(task, connection, error)
  }

  #giveBack(task: Task, connection: Connection, error: Error): void {
    const hasOthers = [...this.#connections.keys()].some((other) => other !== connection)
    const isRefusedAlone = hasOthers && !connection.hasConnected && NONE_LEFT.test(codeOf(error))
    if ((this.#toRetry.has(connection) || isRefusedAlone) && !this.#isClosing) {
      this.#waiting.unshift(task)
      this.#serve()
    } else task.reject(error)
  }

  /** Detects, once per connection, a pooler before the server. Returns the error if this fails. */
  async #start(connection: Connection, deadlineTicks: number): Promise<Error | undefined> {
    const { mode } = this.#deps
    const state = this.#connections.get(connection)
    if (state !== undefined) state.startedIn = mode.current
    try {
      const [row] = await connection.transact(
        (sql) => sql.unsafe<{ pid: number }[]>('select pg_backend_pid() as pid'),
        deadlineTicks,
      )
      mode.compare(connection.announcedPid, Number(row?.pid))
      return undefined
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  #connect(): Connection | undefined {
    const { max, options, open, connectDeadlineMs } = this.#deps
    const isAttempting = this.#failures > 0 && [...this.#connections.keys()].some((one) => !one.hasConnected)
    if (this.#connections.size >= max || this.#isPausing || isAttempting) return undefined
    const connection = new Connection({
      options,
      open,
      connectTicks: this.#ticksOf(connectDeadlineMs),
      onReady: () => {
        this.#failures = 0
        this.#serve()
      },
      onLost: (_, error) => this.#lose(connection, error),
    })
    this.#connections.set(connection, { idleSince: 0, isRetired: false, startedIn: undefined })
    return connection
  }

  #release(connection: Connection): void {
    const state = this.#connections.get(connection)
    if (connection.isLost || state === undefined) return
    // State that a statement has left, such as an open transaction, must not affect the next one.
    if (!connection.isIdle)
      connection.fail(socketError('CONNECTION_DESTROYED', 'a connection was left in use'))
    else if (state.isRetired || (this.#isClosing && this.#waiting.length === 0)) connection.end()
    else {
      state.idleSince = this.#ticks
      this.#idle.push(connection)
      this.#serve()
    }
  }

  #lose(connection: Connection, error: Error): void {
    const mode = this.#connections.get(connection)?.startedIn
    this.#connections.delete(connection)
    const place = this.#idle.indexOf(connection)
    if (place >= 0) this.#idle.splice(place, 1)
    if (codeOf(error) === READ_ONLY) this.#deps.onReadOnly()
    if (OF_ALL.test(codeOf(error))) for (const other of this.#connections.keys()) this.#retire(other)
    if (!connection.hasConnected && mode !== undefined && this.#deps.mode.isWorthRetry(error, mode))
      this.#toRetry.add(connection)
    else if (!connection.hasConnected) {
      const others = [...this.#connections.keys()]
      if (others.length > 0 && NONE_LEFT.test(codeOf(error)))
        this.#crowdedUntil = this.#ticks + this.#ticksOf(CROWDED_MS)
      else if (!others.some(({ hasConnected }) => hasConnected)) {
        for (const task of this.#waiting.splice(0)) task.reject(error)
      }
      if (!this.#isPausing) void this.#pauseConnecting()
    }
    this.#serve()
    this.#settleClose()
  }

  #settleClose(): void {
    if (!this.#isClosing || this.#connections.size > 0) return
    for (const task of this.#waiting.splice(0)) task.reject(destroyed())
    this.#onEmpty?.()
  }

  #retire(connection: Connection): void {
    const place = this.#idle.indexOf(connection)
    if (place >= 0) {
      this.#idle.splice(place, 1)
      connection.end()
      return
    }
    const state = this.#connections.get(connection)
    if (state !== undefined) state.isRetired = true
  }

  async #pauseConnecting(): Promise<void> {
    this.#isPausing = true
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS))
    this.#isPausing = false
    this.#serve()
  }

  #closeIdle(): void {
    const isCrowded = this.#ticks < this.#crowdedUntil
    const maxTicks = this.#ticksOf(this.#deps.maxIdleMs / (isCrowded ? CROWDED_FACTOR : 1))
    while (this.#idle.length > 1) {
      const [oldest] = this.#idle
      if (oldest === undefined) return
      if (this.#ticks - (this.#connections.get(oldest)?.idleSince ?? this.#ticks) < maxTicks) return
      this.#retire(oldest)
    }
  }

  #tick(): void {
    this.#ticks++
    this.#closeIdle()
    for (const connection of this.#connections.keys()) {
      if (connection.isExpired) this.#retire(connection)
      if (connection.tick()) continue
      const { cancelKey } = connection
      connection.fail(silent())
      if (cancelKey !== undefined) this.#deps.cancel(cancelKey)
    }
    const late = this.#waiting.filter((task) => ++task.ticks >= task.deadlineTicks)
    if (late.length === 0) return
    for (const task of late) {
      this.#waiting.splice(this.#waiting.indexOf(task), 1)
      task.reject(socketError('CONNECT_TIMEOUT', 'no connection to the database was free in time'))
    }
  }
}
