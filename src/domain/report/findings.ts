import type { Detection, DistortionType, Intervention } from '../cbt/distortion.ts'

/** A stored detection; rows of earlier versions have no English name. */
type StoredDetection = Omit<Detection, 'name_en'> & Partial<Pick<Detection, 'name_en'>>

/** The fields of a finding that a report uses; the message itself is not stored with it. */
export type ReportedFinding = {
  /** Ms since the epoch. */
  readonly at: number
  readonly detections: readonly StoredDetection[]
  readonly intervention: Intervention | null
  /** The message mentions self-harm: no exercise is offered. */
  readonly isCrisis: boolean
}

export type CbtFinding = {
  readonly timestamp: number
  readonly hasDistortions: boolean
  /** True if and only if `intervention` is set: clients rely on it. */
  readonly needsIntervention: boolean
  readonly detections: readonly StoredDetection[]
  readonly intervention?: Intervention
}

type DistortionCount = {
  readonly type: DistortionType
  readonly name_ko: string
  readonly name_en: string
  readonly count: number
}

/**
 * Converts findings for the report. If any message mentions self-harm, no exercise is listed; a crisis without a
 * distortion is not listed.
 */
export function toCbtFindings(findings: readonly ReportedFinding[]): CbtFinding[] {
  const isFlagged = findings.some(({ isCrisis }) => isCrisis)
  return findings.flatMap(({ at, detections, intervention }) => {
    const offered = isFlagged ? null : intervention
    if (detections.length === 0 && offered === null) return []
    return {
      timestamp: at,
      hasDistortions: detections.length > 0,
      needsIntervention: offered !== null,
      detections,
      ...(offered === null ? {} : { intervention: offered }),
    }
  })
}

/** Counts distortions by type, most frequent first; ties keep the order of detection. */
export function summariseCbt(findings: readonly ReportedFinding[]) {
  const counts = new Map<DistortionType, DistortionCount>()
  for (const { type, name_ko, name_en = name_ko } of findings.flatMap((finding) => finding.detections)) {
    const count = (counts.get(type)?.count ?? 0) + 1
    counts.set(type, { type, name_ko, name_en, count })
  }
  const distortions = [...counts.values()].sort((a, b) => b.count - a.count)
  return {
    totalDistortions: distortions.reduce((sum, { count }) => sum + count, 0),
    mostCommon: distortions[0]?.type ?? null,
    distortions,
  }
}

export type CbtSummary = ReturnType<typeof summariseCbt>
