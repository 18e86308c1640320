import type { WindowAnswer } from '../../protocol/session-events.ts'

/** Answers that wait for a socket; older ones are in the rows. */
const MAX_UNDELIVERED = 60

/** The answers of a session that were not sent on a socket yet, in window order. */
export class UndeliveredAnswers {
  readonly #answers: WindowAnswer[] = []
  /** Windows of earlier owners that were undelivered. */
  readonly #inherited = new Set<number>()

  list(): readonly WindowAnswer[] {
    return this.#answers
  }

  add(answer: WindowAnswer): void {
    this.#answers.push(answer)
    if (this.#answers.length > MAX_UNDELIVERED) this.#answers.shift()
  }

  /** Answers that an earlier owner has not delivered, also those that it has stored since. */
  inherit(answers: readonly WindowAnswer[]): void {
    const unknown = answers.filter(({ window }) => !this.#inherited.has(window))
    for (const { window } of unknown) this.#inherited.add(window)
    this.#answers.push(...unknown)
    this.#answers.sort((one, other) => one.window - other.window)
    this.#answers.splice(0, this.#answers.length - MAX_UNDELIVERED)
  }

  has(window: number): boolean {
    return this.#answers.some((answer) => answer.window === window)
  }

  remove(window: number): void {
    const place = this.#answers.findIndex((answer) => answer.window === window)
    if (place >= 0) this.#answers.splice(place, 1)
  }
}
