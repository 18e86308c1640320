/** What a model was asked and cost. */
export type Spending = {
  readonly requests: number
  readonly promptTokens: number
  readonly answerTokens: number
  /** Millionths of a US dollar; null when the model's price is not known. */
  readonly costMicroUsd: number | null
}

/** What a day's requests of one model cost; those without a known price count nothing. */
export type UsageRow = Spending & {
  readonly day: string
  readonly model: string
  readonly costMicroUsd: number
}

type Options = {
  /** Adds to the rows of all instances, in one statement, in the order given. */
  readonly add: (rows: readonly UsageRow[]) => Promise<void>
  /** Cost of a day so far over all instances, millionths of a US dollar. */
  readonly findCost: (day: string) => Promise<number>
  /** Null: no bound. */
  readonly dailyBudgetMicroUsd: number | null
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  readonly onFailed: (error: unknown) => void
}

const NOTHING = { requests: 0, promptTokens: 0, answerTokens: 0, costMicroUsd: 0 }

/**
 * The day's bill, by UTC. Requests are counted here and written in batches by `settle`, which also reads what the other
 * instances have spent. So the budget may be overrun by what all of them spend between two settlements, no more.
 */
export function createUsage({ add, findCost, dailyBudgetMicroUsd, clock, onFailed }: Options) {
  /** By day and model; bounded by the models, and by the days for which the database is away. */
  let unwritten = new Map<string, UsageRow>()
  let known = { day: '', microUsd: 0 }
  let flight: Promise<void> | undefined

  const today = () => new Date(clock()).toISOString().slice(0, 10)

  const put = ({ day, model, ...spent }: Spending & Pick<UsageRow, 'day' | 'model'>) => {
    const key = `${day} ${model}`
    const before = unwritten.get(key) ?? NOTHING
    unwritten.set(key, {
      day,
      model,
      requests: before.requests + spent.requests,
      promptTokens: before.promptTokens + spent.promptTokens,
      answerTokens: before.answerTokens + spent.answerTokens,
      costMicroUsd: before.costMicroUsd + (spent.costMicroUsd ?? 0),
    })
  }

  const spentToday = (): number => {
    const day = today()
    let sum = known.day === day ? known.microUsd : 0
    for (const row of unwritten.values()) if (row.day === day) sum += row.costMicroUsd
    return sum
  }

  const settle = async (): Promise<void> => {
    const rows = [...unwritten.values()].sort((a, b) => (a.day + a.model < b.day + b.model ? -1 : 1))
    if (rows.length > 0) {
      // Counted as known until they are read again, so that the sum never shrinks meanwhile.
      const before = known
      const day = today()
      known = { day, microUsd: spentToday() }
      unwritten = new Map()
      try {
        await add(rows)
      } catch (error) {
        known = before
        for (const row of rows) put(row)
        onFailed(error)
        return
      }
    }
    try {
      const day = today()
      known = { day, microUsd: await findCost(day) }
    } catch (error) {
      onFailed(error)
    }
  }

  return {
    record(model: string, spent: Spending): void {
      put({ day: today(), model, ...spent })
    },
    /** Millionths of a US dollar, as far as this instance knows. */
    spentToday,
    isSpent: (): boolean => dailyBudgetMicroUsd !== null && spentToday() >= dailyBudgetMicroUsd,
    /** Writes what is not written and reads the day's cost; one at a time. Never rejects: what failed is kept. */
    settle(): Promise<void> {
      flight ??= settle().finally(() => {
        flight = undefined
      })
      return flight
    },
  }
}

export type Usage = ReturnType<typeof createUsage>
