import type { Language } from '../language.ts'
import {
  type Detection,
  type DistortionType,
  type Intervention,
  SEVERITIES,
  type Severity,
  type Urgency,
} from './distortion.ts'
import { distortionOf } from './distortions/index.ts'

/** What was offered before in this session; times in ms of one clock. `recentTypes` has the newest last. */
export type InterventionPace = {
  readonly now: number
  readonly lastAt?: number
  readonly recentTypes: readonly DistortionType[]
}

/** At most one offer in three minutes, and a kind again only after two others: a nudge, not a lesson. */
export const INTERVENTION_EVERY_MS = 180_000
const REST_FOR_KIND = 2
const LEAST_CONFIDENCE = 0.6

const URGENCY: Readonly<Record<Severity, Urgency>> = { high: 'immediate', medium: 'soon', low: 'routine' }

/**
 * The one exercise to offer now, or undefined: nothing was clear enough, or it is too soon. Pure: the caller keeps
 * `pace` and adds what was offered. Never to be called for a message in which a crisis was read.
 */
export function chooseIntervention(
  detections: readonly Detection[],
  language: Language,
  { now, lastAt, recentTypes }: InterventionPace,
): Intervention | undefined {
  if (lastAt !== undefined && now - lastAt < INTERVENTION_EVERY_MS) return undefined
  const resting = new Set(recentTypes.slice(-REST_FOR_KIND))
  const chosen = detections
    .filter(({ type, confidence }) => confidence >= LEAST_CONFIDENCE && !resting.has(type))
    .toSorted(
      (a, b) =>
        SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity) || b.confidence - a.confidence,
    )[0]
  if (chosen === undefined) return undefined
  const distortion = distortionOf(chosen.type)
  return {
    distortionType: chosen.type,
    distortionName: language === 'ko' ? distortion.name_ko : distortion.name_en,
    severity: chosen.severity,
    urgency: URGENCY[chosen.severity],
    questions: distortion.questions[language],
    tasks: distortion.tasks[language],
  }
}
