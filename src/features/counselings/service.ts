import type { Database } from '../../db/client.ts'
import { SEALED } from '../../db/sealed-columns.ts'
import {
  COUNSELING_STATUSES,
  type CounselingStatus,
  isCounselingClosed,
  isCounselingTransitionAllowed,
} from '../../domain/counseling.ts'
import { AppError } from '../../protocol/errors.ts'
import { isWithin } from '../../lib/json-bounds.ts'
import type { SealedIds } from '../../lib/sealed-id.ts'
import type { Safe } from '../../lib/sealing.ts'
import type { CounselingChange, CounselingRow, CounselingsRepository } from './repository.ts'
import { PAGE_LENGTH } from '../../protocol/rest/counselings.ts'

type Dependencies = {
  readonly database: Pick<Database, 'orm'>
  readonly repository: CounselingsRepository
  readonly ids: SealedIds
  readonly cursors: SealedIds
  /** Encrypts notes and surveys. */
  readonly safeOf: (userId: number) => Promise<Safe>
}

type NewAppointment = {
  readonly type: string
  readonly scheduledAt?: string | null
  readonly notes?: string
  readonly sessionId?: string | null
}
type Change = {
  readonly status?: CounselingStatus
  readonly scheduledAt?: string | null
  readonly notes?: string
}
type PageQuery = {
  readonly status?: CounselingStatus
  readonly cursor?: string
  readonly limit?: number
}

const NOTES = SEALED.counselings.notes.at()
const SURVEY = SEALED.counselings.survey.at()
const SURVEY_BOUNDS = { bytes: 16 * 1024, depth: 32 }

const timeOf = (iso: string | null | undefined) => (iso == null ? null : new Date(iso))

/** Appointments of one user: booked, rescheduled, completed or cancelled, with a survey afterwards. */
export function createCounselingService({ database, repository, ids, cursors, safeOf }: Dependencies) {
  const { orm } = database

  const openId = (id: string): number => {
    const number = ids.open(id)
    if (number === undefined) throw new AppError('COUNSELING_NOT_FOUND')
    return number
  }
  const requireFound = (row: CounselingRow | undefined): CounselingRow => {
    if (row === undefined) throw new AppError('COUNSELING_NOT_FOUND')
    return row
  }
  const decrypt = (safe: Safe, row: CounselingRow): CounselingRow => ({
    ...row,
    notes: row.notes === null ? null : safe.open(row.notes, NOTES),
    survey: row.survey === null ? null : safe.openJson(row.survey, SURVEY),
  })
  const toRowChange = (safe: Safe, { scheduledAt, notes, ...rest }: Change): CounselingChange => ({
    ...rest,
    ...(notes === undefined ? {} : { notes: safe.seal(notes, NOTES) }),
    ...(scheduledAt === undefined ? {} : { scheduledAt: timeOf(scheduledAt) }),
  })

  return {
    async create(
      userId: number,
      { type, scheduledAt, notes, sessionId }: NewAppointment,
    ): Promise<CounselingRow> {
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
      return decrypt(safe, row)
    },

    get: async (userId: number, id: string) => {
      const row = requireFound(await repository.find(orm, openId(id), userId))
      return decrypt(await safeOf(userId), row)
    },

    async list(userId: number, { status, cursor, limit = PAGE_LENGTH }: PageQuery) {
      const before = cursor === undefined ? undefined : cursors.open(cursor)
      if (cursor !== undefined && before === undefined) throw new AppError('INVALID_CURSOR')
      const statuses = status === undefined ? COUNSELING_STATUSES : [status]
      const rows = await repository.list(orm, { userId, statuses, before, limit: limit + 1 })
      const safe = await safeOf(userId)
      const page = rows.slice(0, limit).map((row) => decrypt(safe, row))
      const last = page.at(-1)
      const more = rows.length > limit && last !== undefined
      return { page, nextCursor: more ? cursors.seal(last.id) : null }
    },

    /** A completed or cancelled appointment keeps its status and time; its notes may still change. */
    async change(userId: number, id: string, change: Change): Promise<CounselingRow> {
      const number = openId(id)
      const safe = await safeOf(userId)
      return orm.transaction(async (tx) => {
        const { status } = requireFound(await repository.lock(tx, number, userId))
        const moves = change.status !== undefined && !isCounselingTransitionAllowed(status, change.status)
        const reschedules = change.scheduledAt !== undefined && isCounselingClosed(status)
        if (moves || reschedules) throw new AppError('COUNSELING_CLOSED')
        return decrypt(
          safe,
          requireFound(await repository.update(tx, number, userId, toRowChange(safe, change))),
        )
      })
    },

    /** Replaces earlier answers. */
    async answerSurvey(userId: number, id: string, survey: Record<string, unknown>): Promise<CounselingRow> {
      if (!isWithin(survey, SURVEY_BOUNDS))
        throw new AppError('OBJECT_TOO_LARGE', { details: { field: 'responses', ...SURVEY_BOUNDS } })
      const safe = await safeOf(userId)
      const sealed = safe.sealJson(survey, SURVEY)
      return decrypt(safe, requireFound(await repository.update(orm, openId(id), userId, { survey: sealed })))
    },
  }
}

export type CounselingService = ReturnType<typeof createCounselingService>
