import { LOCAL_ANALYSER_VERSION } from '../../domain/face/local-analyser.ts'
import type { Texts } from '../texts.ts'
import { isFault, type ReplayedWindow } from './replay.ts'

const answer = ({ emotion, confidence }: { emotion: string; confidence: number }) =>
  `${emotion} ${confidence.toFixed(4)}`

/** The answer of the other model, compared with the stored one. */
function comparedParts({ compared, delivered }: ReplayedWindow, texts: Texts): string[] {
  if (compared === undefined) return []
  const { answer: other, isSamePrompt } = compared
  const prompt =
    isSamePrompt === null ? [] : [texts(isSamePrompt ? 'replay.samePrompt' : 'replay.otherPrompt')]
  if (other.outcome === 'failed')
    return [texts('replay.modelFailed', { model: other.model, reason: other.reason }), ...prompt]
  const agrees = other.reading.emotion === delivered.emotion
  const values = {
    model: other.model,
    answer: answer(other.reading),
    stored: `${delivered.model} ${answer(delivered)}`,
  }
  return [texts(agrees ? 'replay.agrees' : 'replay.disagrees', values), ...prompt]
}

/** One window: the stored answer, the new one, and the answer of the other model. */
export function windowLine(replayed: ReplayedWindow, texts: Texts): string {
  const { window, version, held, now, differing } = replayed
  const parts = [texts('replay.window', { window }), `${version} ${answer(held)}`]
  if (now === undefined) parts.push(texts('replay.unreadable'))
  else if (differing.length === 0) parts.push(texts('replay.equal'))
  else
    parts.push(
      texts('replay.different', {
        answer: `${LOCAL_ANALYSER_VERSION} ${answer(now)}`,
        fields: differing.join(', '),
      }),
    )
  return [...parts, ...comparedParts(replayed, texts)].join(' | ')
}

const count = (windows: readonly ReplayedWindow[], is: (window: ReplayedWindow) => boolean) =>
  windows.filter(is).length

const usd = (microUsd: number) => `${(microUsd / 1e6).toFixed(4)} USD`

/** The numbers of the summary. */
export function countWindows(windows: readonly ReplayedWindow[]) {
  const equal = count(windows, ({ now, differing }) => now !== undefined && differing.length === 0)
  const different = count(windows, isFault)
  return { count: windows.length, equal, different, other: windows.length - equal - different }
}

/** The original cost of the windows; empty when no model was called. */
function costLines(windows: readonly ReplayedWindow[], texts: Texts): string[] {
  const asked = windows.map(({ delivered }) => delivered).filter(({ promptTokens }) => promptTokens !== null)
  if (asked.length === 0) return []
  const sum = (of: (row: (typeof asked)[number]) => number | null) =>
    asked.reduce((total, row) => total + (of(row) ?? 0), 0)
  return [
    texts('replay.cost', {
      count: asked.length,
      input: sum((row) => row.promptTokens),
      output: sum((row) => row.answerTokens),
      cost: usd(sum((row) => row.costMicroUsd)),
    }),
  ]
}

/** The summary lines. */
export function summaryLines(windows: readonly ReplayedWindow[], texts: Texts): string[] {
  const lines = [texts('replay.summary', countWindows(windows)), ...costLines(windows, texts)]
  const asked = windows.filter(({ compared }) => compared !== undefined)
  if (asked.length === 0) return lines
  const agree = count(
    asked,
    ({ compared, delivered }) =>
      compared?.answer.outcome === 'answered' && compared.answer.reading.emotion === delivered.emotion,
  )
  const cost = asked.reduce((sum, { compared }) => sum + (compared?.answer.asked?.costMicroUsd ?? 0), 0)
  return [
    ...lines,
    texts('replay.modelSummary', {
      answered: count(asked, ({ compared }) => compared?.answer.outcome === 'answered'),
      count: asked.length,
      agree,
      cost: usd(cost),
    }),
  ]
}
