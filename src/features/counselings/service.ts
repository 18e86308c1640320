import type { Database } from '../../db/client.ts'
import {
  COUNSELING_STATUSES,
  type CounselingStatus,
  isCounselingOver,
  mayMoveCounseling,
} from '../../domain/counseling.ts'
import { AppError } from '../../errors.ts'
import { isWithin } from '../../lib/json-bounds.ts'
import type { SealedIds } from '../../lib/sealed-id.ts'
import type { Safe } from '../../lib/sealing.ts'
import type { CounselingChange, CounselingRow, CounselingsRepository } from './repository.ts'
import { PAGE_LENGTH } from './schemas.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: CounselingsRepository
  readonly ids: SealedIds
  readonly cursors: SealedIds
  /** Seals what is written about the person. */
  readonly safeOf: (userId: number) => Promise<Safe>
}

export type Wish = {
  readonly type: string
  readonly scheduledAt?: string | null
  readonly notes?: string
  readonly sessionId?: string | null
}
export type Change = {
  readonly status?: CounselingStatus
  readonly scheduledAt?: string | null
  readonly notes?: string
}
export type PageWish = {
  readonly status?: CounselingStatus
  readonly cursor?: string
  readonly limit?: number
}

const NOTES = 'counselings.notes'
const SURVEY = 'counselings.survey'
const SURVEY_BOUNDS = { bytes: 16 * 1024, depth: 32 }

const timeOf = (iso: string | null | undefined) => (iso == null ? null : new Date(iso))

/** Appointments of one person: booked, moved, held or called off, and asked about afterwards. */
export function createCounselingService({ database, repository, ids, cursors, safeOf }: Dependencies) {
  const { orm } = database

  const known = (id: string): number => {
    const number = ids.open(id)
    if (number === undefined) throw new AppError('COUNSELING_NOT_FOUND')
    return number
  }
  const there = (row: CounselingRow | undefined): CounselingRow => {
    if (row === undefined) throw new AppError('COUNSELING_NOT_FOUND')
    return row
  }
  const opened = (safe: Safe, row: CounselingRow): CounselingRow => ({
    ...row,
    notes: row.notes === null ? null : safe.open(row.notes, NOTES),
    survey: row.survey === null ? null : safe.openJson(row.survey, SURVEY),
  })
  const changeOf = (safe: Safe, { scheduledAt, notes, ...rest }: Change): CounselingChange => ({
    ...rest,
    ...(notes === undefined ? {} : { notes: safe.seal(notes, NOTES) }),
    ...(scheduledAt === undefined ? {} : { scheduledAt: timeOf(scheduledAt) }),
  })

  return {
    async create(userId: number, { type, scheduledAt, notes, sessionId }: Wish): Promise<CounselingRow> {
      const safe = await safeOf(userId)
      const row = await repository.insert(orm, {
        userId,
        type,
        scheduledAt: timeOf(scheduledAt),
        notes: notes === undefined ? null : safe.seal(notes, NOTES),
        sessionId: sessionId ?? null,
      })
      // A token may outlive its account.
      if (row === undefined) throw new AppError(sessionId == null ? 'UNAUTHORIZED' : 'SESSION_NOT_FOUND')
      return opened(safe, row)
    },

    get: async (userId: number, id: string) => {
      const row = there(await repository.find(orm, known(id), userId))
      return opened(await safeOf(userId), row)
    },

    async list(userId: number, { status, cursor, limit = PAGE_LENGTH }: PageWish) {
      const before = cursor === undefined ? undefined : cursors.open(cursor)
      if (cursor !== undefined && before === undefined) throw new AppError('INVALID_CURSOR')
      const statuses = status === undefined ? COUNSELING_STATUSES : [status]
      const rows = await repository.list(orm, { userId, statuses, before, limit: limit + 1 })
      const safe = await safeOf(userId)
      const page = rows.slice(0, limit).map((row) => opened(safe, row))
      const last = page.at(-1)
      const more = rows.length > limit && last !== undefined
      return { page, nextCursor: more ? cursors.seal(last.id) : null }
    },

    /** What is completed or cancelled keeps its state and its time; its notes may still be written. */
    async change(userId: number, id: string, change: Change): Promise<CounselingRow> {
      const number = known(id)
      const safe = await safeOf(userId)
      return orm.transaction(async (tx) => {
        const { status } = there(await repository.lock(tx, number, userId))
        const moves = change.status !== undefined && !mayMoveCounseling(status, change.status)
        const reschedules = change.scheduledAt !== undefined && isCounselingOver(status)
        if (moves || reschedules) throw new AppError('COUNSELING_CLOSED')
        return opened(safe, there(await repository.update(tx, number, userId, changeOf(safe, change))))
      })
    },

    /** Answers that come again replace the earlier ones. */
    async answerSurvey(userId: number, id: string, survey: Record<string, unknown>): Promise<CounselingRow> {
      if (!isWithin(survey, SURVEY_BOUNDS))
        throw new AppError('OBJECT_TOO_LARGE', { details: { field: 'responses', ...SURVEY_BOUNDS } })
      const safe = await safeOf(userId)
      const sealed = safe.sealJson(survey, SURVEY)
      return opened(safe, there(await repository.update(orm, known(id), userId, { survey: sealed })))
    },
  }
}

export type CounselingService = ReturnType<typeof createCounselingService>
