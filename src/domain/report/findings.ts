import type { Detection, DistortionType, Intervention } from '../cbt/distortion.ts'

/** A detection as it is stored; the English name came later. */
export type StoredDetection = Omit<Detection, 'name_en'> & Partial<Pick<Detection, 'name_en'>>

/** What a report reads of one turn of thought; the words themselves are not kept. */
export type ReportedFinding = {
  /** Ms since the epoch. */
  readonly at: number
  readonly detections: readonly StoredDetection[]
  readonly intervention: Intervention | null
  /** Words of self-harm: never met with exercises. */
  readonly isCrisis: boolean
}

export type CbtFinding = {
  readonly timestamp: number
  readonly hasDistortions: boolean
  /** True exactly when there is an `intervention`: clients read one by the other. */
  readonly needsIntervention: boolean
  readonly detections: readonly StoredDetection[]
  readonly intervention?: Intervention
}

export type DistortionCount = {
  readonly type: DistortionType
  readonly name_ko: string
  readonly name_en: string
  readonly count: number
}

/**
 * Findings as the report lists them. Where words of self-harm were said no exercise is listed, and a crisis without a
 * distortion is no finding.
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

/** How many distortions were noticed, and which: most often first; on a tie, the one that was noticed first. */
export function summariseCbt(findings: readonly ReportedFinding[]) {
  const seen = new Map<DistortionType, DistortionCount>()
  for (const { type, name_ko, name_en = name_ko } of findings.flatMap((finding) => finding.detections)) {
    const count = (seen.get(type)?.count ?? 0) + 1
    seen.set(type, { type, name_ko, name_en, count })
  }
  const distortions = [...seen.values()].sort((a, b) => b.count - a.count)
  return {
    totalDistortions: distortions.reduce((sum, { count }) => sum + count, 0),
    mostCommon: distortions[0]?.type ?? null,
    distortions,
  }
}

export type CbtSummary = ReturnType<typeof summariseCbt>
