import type { Database } from '../../db/client.ts'
import { getDaysAround } from '../../domain/day.ts'
import { LANGUAGES, type Language } from '../../domain/language.ts'
import { resolveTimeZone } from '../../domain/zone.ts'
import { recommend, type Vad } from './recommendations.ts'
import type { DashboardRepository } from './repository.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: DashboardRepository
  /** Ms since the epoch. */
  readonly now: () => number
}

const RECENT = 5

const rounded = (value: number) => Math.round(value * 10_000) / 10_000 + 0
const mapAxes = (of: (axis: keyof Vad) => number): Vad => ({
  valence: rounded(of('valence')),
  arousal: rounded(of('arousal')),
  dominance: rounded(of('dominance')),
})

/** Zeros would look like measures. */
const UNKNOWN = { valence: null, arousal: null, dominance: null }

/** Undefined for a day without a window. */
const toVad = (means: { readonly [axis in keyof Vad]: number | null } | undefined): Vad | undefined => {
  const { valence = null, arousal = null, dominance = null } = means ?? {}
  return valence === null || arousal === null || dominance === null
    ? undefined
    : { valence, arousal, dominance }
}

/** The dashboard of a user: today compared with yesterday, and the last sessions. */
export function createDashboardService({ database, repository, now }: Dependencies) {
  const { orm } = database
  return {
    /** `language` is used if the user has set none. Days start in the user's time zone. */
    async summary(userId: number, language: Language) {
      const [preferences, reported] = await Promise.all([
        repository.findPreferences(orm, userId),
        repository.listReported(orm, userId, RECENT),
      ])
      const days = getDaysAround(now(), resolveTimeZone(preferences?.timezone))
      const means = await repository.findDailyMeans(orm, userId, days)
      const [today, yesterday] = [toVad(means?.today), toVad(means?.yesterday)]
      const change =
        today === undefined || yesterday === undefined
          ? null
          : mapAxes((axis) => today[axis] - yesterday[axis])
      const average = today === undefined ? null : mapAxes((axis) => today[axis])
      const preferred = LANGUAGES.find((known) => known === preferences?.language) ?? language
      return {
        todayAvg: average ?? UNKNOWN,
        trend: { dayOverDay: change ?? UNKNOWN },
        recommendations: recommend(average, change, preferred),
        recentSessions: reported.map(({ createdAt, valence, ...session }) => ({
          ...session,
          createdAt: createdAt.getTime(),
          ...(valence === null ? {} : { vadScore: valence }),
        })),
      }
    },
  }
}

export type DashboardService = ReturnType<typeof createDashboardService>
