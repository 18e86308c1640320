/** What a socket tells its listeners, of every kind of event. */
export type SocketEvent = {
  readonly type: string
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
  readonly message?: string
}

/** The slice of a WebSocket that is used: a browser's, Node's own, or the one of the package `ws`. */
export type SocketLike = {
  readonly readyState: number
  readonly bufferedAmount: number
  readonly protocol: string
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: SocketEvent) => void): void
  send(data: string | ArrayBuffer): void
  close(code?: number, reason?: string): void
  /** Only `ws` has it; a browser gives a lost connection up by itself. */
  terminate?(): void
}

export type SocketConstructor = new (url: string, protocols: string[]) => SocketLike

export type StorageLike = {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

export type LocksLike = {
  request<T>(name: string, options: { signal: AbortSignal }, work: () => Promise<T>): Promise<T>
}

export type BroadcastLike = {
  onmessage: ((event: never) => void) | null
  postMessage(message: unknown): void
  unref?(): void
}

type Target = { addEventListener(type: string, listener: () => void): void }

/** Whether there is a network, as far as the machine knows. */
export type Connectivity = {
  isOnline(): boolean
  /** Calls `listener` at each change, until the returned function is called. */
  onChange(listener: (online: boolean) => void): () => void
}

/** The parts of a browser, a worker or Node that the client stands on; each of them has some. */
export type Globals = {
  readonly WebSocket?: SocketConstructor
  readonly fetch?: typeof fetch
  readonly location?: { readonly origin?: string }
  readonly localStorage?: StorageLike
  readonly navigator?: { readonly onLine?: boolean; readonly locks?: LocksLike }
  readonly BroadcastChannel?: new (name: string) => BroadcastLike
  readonly addEventListener?: Target['addEventListener']
  removeEventListener?(type: string, listener: () => void): void
}

export const globals: Globals = globalThis // of each there is the one or the other

/** The shared storage of a site's tabs; undefined where there is none, or one that does not work. */
export function sharedStorage(): StorageLike | undefined {
  try {
    const storage = globals.localStorage
    storage?.getItem('maeum.tokens')
    return storage ?? undefined
  } catch {
    return undefined // a browser that blocks it throws at the access; Node's has no methods until it is given a file
  }
}

/** A machine that cannot tell counts as online. */
export const connectivity: Connectivity = {
  isOnline: () => globals.navigator?.onLine !== false,
  onChange(listener) {
    const online = () => listener(true)
    const offline = () => listener(false)
    globals.addEventListener?.('online', online)
    globals.addEventListener?.('offline', offline)
    return () => {
      globals.removeEventListener?.('online', online)
      globals.removeEventListener?.('offline', offline)
    }
  },
}

/** A clock that never jumps, ms. */
export const monotonic = (): number => performance.now()
