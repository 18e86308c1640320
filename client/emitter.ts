/** Listeners by event, typed by the table `Events`. */
export function createEmitter<Events>() {
  type Listener = (event: never) => void
  const listeners = new Map<keyof Events, Set<Listener>>()
  return {
    /** Hears of `type` until the returned function is called. */
    on: <Type extends keyof Events>(type: Type, listener: (event: Events[Type]) => void): (() => void) => {
      const all = listeners.get(type) ?? new Set()
      listeners.set(type, all.add(listener))
      return () => void all.delete(listener)
    },

    /** A listener that throws does not keep the others from hearing; its error is the page's, as with any event. */
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
