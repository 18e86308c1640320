import { randomUUID } from 'node:crypto'
import { createSingleFlight } from '../lib/single-flight.ts'

/** Requests, tokens and cost. */
export type Spending = {
  readonly requests: number
  readonly promptTokens: number
  readonly answerTokens: number
  /** In millionths of a US dollar; null when the model's price is unknown. */
  readonly costMicroUsd: number | null
}

/** Usage of one model on one day. Requests without a known price cost 0. */
export type UsageRow = Spending & {
  readonly day: string
  readonly model: string
  readonly costMicroUsd: number
}

/** Identifies a settlement. The number is incremented for each settlement of the writer. */
export type SettlementId = { readonly writer: string; readonly number: number }

type Options = {
  /** Adds to the rows of all instances, in one statement, in the given order. Idempotent per settlement. */
  readonly add: (id: SettlementId, rows: readonly UsageRow[]) => Promise<void>
  /** Cost of a day so far over all instances, in millionths of a US dollar. */
  readonly findCost: (day: string) => Promise<number>
  /** Null: no limit. */
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
 * The bill of the day, by UTC. Counts requests; `settle` writes them in batches and reads the cost of the other
 * instances. A batch whose commit was not confirmed is written again unchanged, with the same id. The budget may
 * therefore be exceeded by the spending of all instances between two settlements.
 */
export function createUsage({ add, findCost, dailyBudgetMicroUsd, clock, onFailed }: Options) {
  /** By day and model; bounded by the number of models and of days without the database. */
  let unwritten = new Map<string, UsageRow>()
  /** Rows that are being written or must be written again; empty once confirmed. */
  let settlement: readonly UsageRow[] = []
  let settlements = 0
  const writer = randomUUID()
  let known = { day: '', microUsd: 0 }

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
    // Added to the known cost until the day is read again, so that the sum never decreases meanwhile.
    const day = today()
    known = { day, microUsd: (known.day === day ? known.microUsd : 0) + costOf(settlement, day) }
    settlement = []
  }

  const settle = async (): Promise<void> => {
    try {
      await writeSettlement() // an unconfirmed one
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
    /** In millionths of a US dollar, as known to this instance. */
    spentToday,
    isSpent: (): boolean => dailyBudgetMicroUsd !== null && spentToday() >= dailyBudgetMicroUsd,
    /** Writes unwritten rows and reads the day's cost, one run at a time. Never rejects; failed rows are kept. */
    settle: createSingleFlight(settle).run,
  }
}

export type Usage = ReturnType<typeof createUsage>
