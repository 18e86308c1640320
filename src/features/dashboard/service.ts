import type { Database } from '../../db/client.ts'
import { daysAround } from '../../domain/day.ts'
import { LANGUAGES, type Language } from '../../domain/language.ts'
import { zoneOf } from '../../domain/zone.ts'
import { AppError } from '../../errors.ts'
import { recommend, type Vad } from './recommendations.ts'
import type { DashboardRepository } from './repository.ts'
import { PAGE_LENGTH } from './schemas.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: DashboardRepository
  /** Ms since the epoch. */
  readonly now: () => number
}

const RECENT = 5

const rounded = (value: number) => Math.round(value * 10_000) / 10_000 + 0
const each = (of: (axis: keyof Vad) => number): Vad => ({
  valence: rounded(of('valence')),
  arousal: rounded(of('arousal')),
  dominance: rounded(of('dominance')),
})

/** Zeros would look as if they had been measured. */
const UNKNOWN = { valence: null, arousal: null, dominance: null }

/** Undefined for a day without a window. */
const known = (means: { readonly [axis in keyof Vad]: number | null } | undefined): Vad | undefined => {
  const { valence = null, arousal = null, dominance = null } = means ?? {}
  return valence === null || arousal === null || dominance === null
    ? undefined
    : { valence, arousal, dominance }
}

type Listed = Awaited<ReturnType<DashboardRepository['listRecent']>>[number]

const toListed = (session: Listed) => ({
  ...session,
  startedAt: session.startedAt.toISOString(),
  durationMs: Math.max(0, Math.round(session.durationMs)),
})

/** What a person sees first: today beside yesterday, and the last sessions. */
export function createDashboardService({ database, repository, now }: Dependencies) {
  const { orm } = database
  return {
    /** `language`: of the caller, where the person has set none. Days begin where the person lives. */
    async summary(userId: number, language: Language) {
      const [preferences, reported] = await Promise.all([
        repository.findPreferences(orm, userId),
        repository.listReported(orm, userId, RECENT),
      ])
      const days = daysAround(now(), zoneOf(preferences?.timezone))
      const means = await repository.findDailyMeans(orm, userId, days)
      const [today, yesterday] = [known(means?.today), known(means?.yesterday)]
      const change =
        today === undefined || yesterday === undefined ? null : each((axis) => today[axis] - yesterday[axis])
      const average = today === undefined ? null : each((axis) => today[axis])
      const spoken = LANGUAGES.find((known) => known === preferences?.language) ?? language
      return {
        todayAvg: average ?? UNKNOWN,
        trend: { dayOverDay: change ?? UNKNOWN },
        recommendations: recommend(average, change, spoken),
        recentSessions: reported.map(({ createdAt, valence, ...session }) => ({
          ...session,
          createdAt: createdAt.getTime(),
          ...(valence === null ? {} : { vadScore: valence }),
        })),
      }
    },

    async statistics(userId: number) {
      const [{ averageMs, ...counts }, recent] = await Promise.all([
        repository.findStatistics(orm, userId),
        repository.listRecent(orm, userId, RECENT),
      ])
      return {
        ...counts,
        avgDuration: Math.round(averageMs),
        recentSessions: recent.map(toListed),
      }
    },

    /** All sessions, page by page; `cursor` is the last session of the page before. */
    async sessions(userId: number, { cursor, limit = PAGE_LENGTH }: { cursor?: string; limit?: number }) {
      const rows =
        cursor === undefined
          ? await repository.listRecent(orm, userId, limit + 1)
          : await repository.listOlder(orm, userId, cursor, limit + 1)
      if (rows.length === 0 && cursor !== undefined && !(await repository.isOwn(orm, userId, cursor)))
        throw new AppError('INVALID_CURSOR')
      const page = rows.slice(0, limit)
      const last = page.at(-1)
      return {
        sessions: page.map(toListed),
        nextCursor: rows.length > limit && last !== undefined ? last.id : null,
      }
    },
  }
}

export type DashboardService = ReturnType<typeof createDashboardService>
