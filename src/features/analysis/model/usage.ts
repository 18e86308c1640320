import { randomUUID } from 'node:crypto'

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

/** Names one settlement: its number is one more than that of the writer's settlement before. */
export type SettlementId = { readonly writer: string; readonly number: number }

type Options = {
  /** Adds to the rows of all instances, in one statement, in the order given; a settlement that is added already changes nothing. */
  readonly add: (id: SettlementId, rows: readonly UsageRow[]) => Promise<void>
  /** Cost of a day so far over all instances, millionths of a US dollar. */
  readonly findCost: (day: string) => Promise<number>
  /** Null: no bound. */
  readonly dailyBudgetMicroUsd: number | null
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  readonly onFailed: (error: unknown) => void
}

const NOTHING = { requests: 0, promptTokens: 0, answerTokens: 0, costMicroUsd: 0 }

const costOf = (rows: Iterable<UsageRow>, day: string): number => {
  let sum = 0
  for (const row of rows) if (row.day === day) sum += row.costMicroUsd
  return sum
}

/**
 * The day's bill, by UTC. Requests are counted here and written in batches by `settle`, which also reads what the other
 * instances have spent. A batch whose commit was not confirmed is written again as it was, under the same id. So the budget may be overrun by what all of them spend between two settlements, no more.
 */
export function createUsage({ add, findCost, dailyBudgetMicroUsd, clock, onFailed }: Options) {
  /** By day and model; bounded by the models, and by the days for which the database is away. */
  let unwritten = new Map<string, UsageRow>()
  /** Being written, or to be written again; empty once it is confirmed. */
  let settlement: readonly UsageRow[] = []
  let settlements = 0
  const writer = randomUUID()
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
    const before = known.day === day ? known.microUsd : 0
    return before + costOf(settlement, day) + costOf(unwritten.values(), day)
  }

  const writeSettlement = async (): Promise<void> => {
    if (settlement.length === 0) return
    await add({ writer, number: settlements }, settlement)
    // Counted as known until the day is read again, so that the sum never shrinks meanwhile.
    const day = today()
    known = { day, microUsd: (known.day === day ? known.microUsd : 0) + costOf(settlement, day) }
    settlement = []
  }

  const settle = async (): Promise<void> => {
    try {
      await writeSettlement() // one that was not confirmed
      settlement = [...unwritten.values()].sort((a, b) => (a.day + a.model < b.day + b.model ? -1 : 1))
      unwritten = new Map()
      settlements++
      await writeSettlement()
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
