/** Listeners by event, typed by the table `Events`. */
export function createEmitter<Events>() {
  type Listener = (event: never) => void
  const listeners = new Map<keyof Events, Set<Listener>>()
  return {
    /** Adds a listener; the returned function removes it. */
    on: <Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): (() => void) => {
      const all = listeners.get(type) ?? new Set()
      listeners.set(type, all.add(listener))
      return () => void all.delete(listener)
    },

    /** Calls every listener. An error thrown by one is reported as uncaught, as with DOM events. */
    emit: <Type extends keyof Events>(type: Type, event: Events[Type]): void => {
      for (const listener of [...(listeners.get(type) ?? [])]) {
        try {
          listener(event as never) // stored under the type whose event it takes
        } catch (error) {
          queueMicrotask(() => {
            throw error
          })
        }
      }
    },
  }
}
