import type postgres from 'postgres'
import { pause } from '../lib/deadline.ts'
import { Connection, type ParsedOptions, type Statement } from './connection.ts'
import { type DriverSocket, silent, socketError } from './driver-socket.ts'
import type { Manner, Manners } from './manners.ts'

type Dependencies = {
  readonly options: ParsedOptions
  readonly open: (signal: AbortSignal) => Promise<DriverSocket>
  readonly cancel: (key: Buffer) => void
  readonly max: number
  readonly connectDeadlineMs: number
  /** Deadlines are counted in these. */
  readonly tickMs: number
  readonly manners: Manners
  /** Called when a server does not take writes: what else is connected to it should connect anew. */
  readonly onReadOnly: () => void
}

/** Something that waits for a connection. */
type Task = {
  readonly deadlineTicks: number
  ticks: number
  readonly start: (connection: Connection) => Promise<unknown>
  readonly reject: (error: Error) => void
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000
const READ_ONLY = '25006'
/** Of a server that is leaving, or no longer the primary, or does not answer: its other connections are no better. */
const OF_ALL = /^(57P0[1-3]|25006|ETIMEDOUT)$/

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '')
const destroyed = () => socketError('CONNECTION_DESTROYED', 'the database was closed')
const closed = () => socketError('CONNECTION_ENDED', 'the database is being closed')

/**
 * Hands statements and transactions to connections, one to each at a time, in order. What finds no connection or no
 * answer within its deadline is rejected, and the connection that did not answer is ended.
 *
 * While no connection can be made, what waits is rejected with the reason, and one attempt at a time is made, with
 * growing pauses.
 */
export class Pool {
  readonly #deps: Dependencies
  readonly #connections = new Set<Connection>()
  readonly #idle: Connection[] = []
  /** Not to be used again once what they are doing is done. */
  readonly #retired = new WeakSet<Connection>()
  /** Begun with a first statement of ours, in this manner. */
  readonly #greeted = new WeakMap<Connection, Manner>()
  /** Refused for their manner alone. */
  readonly #toRetry = new WeakSet<Connection>()
  readonly #waiting: Task[] = []
  readonly #clock: NodeJS.Timeout
  #failures = 0
  #isPausing = false
  #isClosing = false
  #onEmpty: (() => void) | undefined

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies
    // Ticks, not times: those of a process that was stopped for a while do not count as the server's silence.
    this.#clock = setInterval(() => this.#tick(), dependencies.tickMs).unref()
  }

  run(statement: Statement, deadlineMs: number): void {
    const deadlineTicks = this.#ticksOf(deadlineMs)
    this.#add({
      deadlineTicks,
      ticks: 0,
      start: (connection) => connection.run(statement, deadlineTicks),
      reject: statement.reject,
    })
  }

  transact<T>(work: (sql: postgres.Sql) => Promise<T>, deadlineMs: number): Promise<T> {
    const deadlineTicks = this.#ticksOf(deadlineMs)
    return new Promise((resolve, reject) => {
      this.#add({
        deadlineTicks,
        ticks: 0,
        start: (connection) => connection.transact(work, deadlineTicks).then(resolve, reject),
        reject,
      })
    })
  }

  /** Takes no more; lets what is waiting and running finish until the deadline. */
  async close(deadlineMs: number): Promise<void> {
    await Promise.resolve() // a statement that was asked for before is on its way here
    this.#isClosing = true
    for (const connection of this.#idle.splice(0)) connection.end()
    const late = setTimeout(() => {
      for (const task of this.#waiting.splice(0)) task.reject(destroyed())
      for (const connection of this.#connections) connection.fail(destroyed())
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
    if (this.#isClosing) task.reject(closed())
    else {
      this.#waiting.push(task)
      this.#serve()
    }
  }

  /** Gives what waits to idle connections, then to new ones. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const connection = this.#idle.pop() ?? this.#connect()
      if (connection === undefined) return
      const task = this.#waiting.shift()
      if (task === undefined) return
      if (this.#greeted.has(connection)) this.#carryOut(task, connection)
      else void this.#begin(task, connection)
    }
  }

  // No await on the way: whoever has an answer finds the connection free.
  #carryOut(task: Task, connection: Connection): void {
    void task.start(connection).then(() => this.#release(connection))
  }

  async #begin(task: Task, connection: Connection): Promise<void> {
    const error = await this.#greet(connection, task.deadlineTicks)
    if (error === undefined) this.#carryOut(task, connection)
    else this.#giveBack(task, connection, error)
  }

  #giveBack(task: Task, connection: Connection, error: Error): void {
    if (this.#toRetry.has(connection) && !this.#isClosing) {
      this.#waiting.unshift(task)
      this.#serve()
    } else task.reject(error)
  }

  /** Finds out, once for each connection, whether it leads to the server or to a pooler; with the reason if it cannot. */
  async #greet(connection: Connection, deadlineTicks: number): Promise<Error | undefined> {
    const { manners } = this.#deps
    this.#greeted.set(connection, manners.now)
    try {
      const [row] = await connection.transact(
        (sql) => sql.unsafe<{ pid: number }[]>('select pg_backend_pid() as pid'),
        deadlineTicks,
      )
      manners.compare(connection.announcedPid, Number(row?.pid))
      return undefined
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error))
    }
  }

  #connect(): Connection | undefined {
    const { max, options, open, connectDeadlineMs } = this.#deps
    const isAttempting = this.#failures > 0 && [...this.#connections].some((one) => !one.hasConnected)
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
    this.#connections.add(connection)
    return connection
  }

  #release(connection: Connection): void {
    if (connection.isLost) return
    // What a statement left behind, such as an open transaction, must not meet the next one.
    if (!connection.isIdle)
      connection.fail(socketError('CONNECTION_DESTROYED', 'a connection was left in use'))
    else if (this.#retired.has(connection) || (this.#isClosing && this.#waiting.length === 0))
      connection.end()
    else {
      this.#idle.push(connection)
      this.#serve()
    }
  }

  #lose(connection: Connection, error: Error): void {
    this.#connections.delete(connection)
    const place = this.#idle.indexOf(connection)
    if (place >= 0) this.#idle.splice(place, 1)
    if (codeOf(error) === READ_ONLY) this.#deps.onReadOnly()
    if (OF_ALL.test(codeOf(error))) for (const other of this.#connections) this.#retire(other)
    const manner = this.#greeted.get(connection)
    if (!connection.hasConnected && manner !== undefined && this.#deps.manners.isWorthRetry(error, manner))
      this.#toRetry.add(connection)
    else if (!connection.hasConnected) {
      if (![...this.#connections].some(({ hasConnected }) => hasConnected)) {
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
    } else this.#retired.add(connection)
  }

  async #pauseConnecting(): Promise<void> {
    this.#isPausing = true
    await pause(Math.min(FIRST_PAUSE_MS * 2 ** this.#failures++, LONGEST_PAUSE_MS))
    this.#isPausing = false
    this.#serve()
  }

  #tick(): void {
    for (const connection of this.#connections) {
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
