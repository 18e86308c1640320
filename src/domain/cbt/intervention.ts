import type { Language } from '../language.ts'
import {
  type Detection,
  type DistortionType,
  type Intervention,
  SEVERITIES,
  type Severity,
  type Urgency,
} from './distortion.ts'
import { getDistortion } from './distortions/index.ts'

/** Earlier offers in the session; times in ms of one clock. `recentTypes` is ordered, newest last. */
export type InterventionPace = {
  readonly now: number
  readonly lastAt?: number
  readonly recentTypes: readonly DistortionType[]
}

/** Minimum time between two offers. */
export const INTERVENTION_INTERVAL_MS = 180_000
/** A type is not offered again among this many offers. */
const TYPE_PAUSE = 2
const MIN_CONFIDENCE = 0.6

const URGENCY: Readonly<Record<Severity, Urgency>> = { high: 'immediate', medium: 'soon', low: 'routine' }

/**
 * Chooses the exercise to offer now; undefined when no detection is confident enough or the last offer is too recent.
 * Pure: the caller keeps `pace` and records offers. Must not be called for a message with a crisis.
 */
export function chooseIntervention(
  detections: readonly Detection[],
  language: Language,
  { now, lastAt, recentTypes }: InterventionPace,
): Intervention | undefined {
  if (lastAt !== undefined && now - lastAt < INTERVENTION_INTERVAL_MS) return undefined
  const paused = new Set(recentTypes.slice(-TYPE_PAUSE))
  const chosen = detections
    .filter(({ type, confidence }) => confidence >= MIN_CONFIDENCE && !paused.has(type))
    .toSorted(
      (a, b) =>
        SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) || b.confidence - a.confidence,
    )[0]
  if (chosen === undefined) return undefined
  const distortion = getDistortion(chosen.type)
  return {
    distortionType: chosen.type,
    distortionName: language === 'ko' ? distortion.name_ko : distortion.name_en,
    severity: chosen.severity,
    urgency: URGENCY[chosen.severity],
    questions: distortion.questions[language],
    tasks: distortion.tasks[language],
  }
}
