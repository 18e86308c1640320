import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import { isFault, type ReplayedWindow } from './replay.ts'

const answer = ({ emotion, confidence }: { emotion: string; confidence: number }) =>
  `${emotion} ${confidence.toFixed(4)}`

/** One window: the stored answer, the new one, and the answer of the other model. */
export function windowLine(replayed: ReplayedWindow): string {
  const { window, version, held, now, differing, compared, delivered } = replayed
  const parts = [`window ${window}`, `${version} ${answer(held)}`]
  if (now === undefined) parts.push('its measures are of a version that cannot be read')
  else if (differing.length === 0) parts.push('equal')
  else parts.push(`different: ${LOCAL_ANALYSER_VERSION} ${answer(now)} (${differing.join(', ')})`)
  if (compared !== undefined) {
    const { answer: other, isSamePrompt } = compared
    parts.push(
      other.outcome === 'failed'
        ? `${other.model} failed: ${other.reason}`
        : `${other.model} ${answer(other.reading)}, ${
            other.reading.emotion === delivered.emotion ? 'agrees with' : 'instead of'
          } ${delivered.model} ${answer(delivered)}`,
    )
    if (isSamePrompt !== null) parts.push(isSamePrompt ? 'same prompt' : 'another prompt')
  }
  return parts.join(' | ')
}

const count = (windows: readonly ReplayedWindow[], is: (window: ReplayedWindow) => boolean) =>
  windows.filter(is).length

const usd = (microUsd: number) => `${(microUsd / 1e6).toFixed(4)} USD`

/** The original cost of the windows; empty when no model was called. */
function costLines(windows: readonly ReplayedWindow[]): string[] {
  const asked = windows.map(({ delivered }) => delivered).filter(({ promptTokens }) => promptTokens !== null)
  if (asked.length === 0) return []
  const sum = (of: (row: (typeof asked)[number]) => number | null) =>
    asked.reduce((total, row) => total + (of(row) ?? 0), 0)
  const tokens = `${sum((row) => row.promptTokens)} tokens in, ${sum((row) => row.answerTokens)} out`
  return [
    `a model was asked about ${asked.length} then: ${tokens}, about ${usd(sum((row) => row.costMicroUsd))}`,
  ]
}

/** The summary lines. */
export function summaryLines(windows: readonly ReplayedWindow[]): string[] {
  const equal = count(windows, ({ now, differing }) => now !== undefined && differing.length === 0)
  const faults = count(windows, isFault)
  const lines = [
    `${windows.length} windows: ${equal} equal, ${faults} different, ${windows.length - equal - faults} of another analyser`,
    ...costLines(windows),
  ]
  const asked = windows.filter(({ compared }) => compared !== undefined)
  if (asked.length === 0) return lines
  const answered = count(asked, ({ compared }) => compared?.answer.outcome === 'answered')
  const agree = count(
    asked,
    ({ compared, delivered }) =>
      compared?.answer.outcome === 'answered' && compared.answer.reading.emotion === delivered.emotion,
  )
  const cost = asked.reduce((sum, { compared }) => sum + (compared?.answer.asked?.costMicroUsd ?? 0), 0)
  return [
    ...lines,
    `the model answered ${answered} of ${asked.length}, ${agree} as delivered, for about ${usd(cost)}`,
  ]
}
