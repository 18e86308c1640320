/** Values of windows, by session and window; in the order in which they were set. */
export class ByWindow<T> {
  readonly #sessions = new Map<string, Map<number, T>>()

  set(sessionId: string, window: number, value: T): void {
    const windows = this.#sessions.get(sessionId) ?? new Map<number, T>()
    this.#sessions.set(sessionId, windows.set(window, value))
  }

  delete(sessionId: string, window: number): void {
    const windows = this.#sessions.get(sessionId)
    if (windows?.delete(window) === true && windows.size === 0) this.#sessions.delete(sessionId)
  }

  list(sessionId: string): T[] {
    return [...(this.#sessions.get(sessionId)?.values() ?? [])]
  }
}
