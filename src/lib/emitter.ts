export type Emitter<Args extends readonly unknown[]> = {
  /** Never throws and never waits; errors of listeners are reported. */
  readonly emit: (...args: Args) => void
  readonly subscribe: (listener: (...args: Args) => void) => void
}

/** Notifications within the process. */
export function createEmitter<Args extends readonly unknown[]>(
  onListenerError: (error: unknown) => void,
): Emitter<Args> {
  const listeners = new Set<(...args: Args) => void>()
  return {
    emit(...args) {
      for (const listener of listeners) {
        try {
          listener(...args)
        } catch (error) {
          onListenerError(error)
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener)
    },
  }
}
