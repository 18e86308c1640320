/** The fields that the events of a socket may have. */
export type SocketEvent = {
  readonly type: string
  readonly data?: unknown
  readonly code?: number
  readonly reason?: string
  readonly message?: string
}

/** The used part of the WebSocket API: of a browser, of Node, or of the package `ws`. */
export type SocketLike = {
  readonly readyState: number
  readonly bufferedAmount: number
  readonly protocol: string
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: SocketEvent) => void): void
  send(data: string | ArrayBuffer): void
  close(code?: number, reason?: string): void
  /** Only in `ws`; a browser drops a lost connection itself. */
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

/** Network state as reported by the platform. */
export type Connectivity = {
  isOnline(): boolean
  /** Adds a listener for changes; the returned function removes it. */
  onChange(listener: (online: boolean) => void): () => void
}

/** Platform APIs that the client uses; a browser, a worker and Node each provide some of them. */
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

export const globals: Globals = globalThis // every member is optional

/** Local storage, shared by the tabs of a site; undefined when missing or blocked. */
export function sharedStorage(): StorageLike | undefined {
  try {
    const storage = globals.localStorage
    storage?.getItem('maeum.tokens')
    return storage ?? undefined
  } catch {
    return undefined // throws where the browser blocks it; Node's has no methods without a file
  }
}

/** An unknown state counts as online. */
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

/** Monotonic clock, ms. */
export const monotonic = (): number => performance.now()
