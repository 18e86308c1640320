import { createHash, randomBytes } from 'node:crypto'
import type postgres from 'postgres'
import type { Channel, SessionStatus } from '../../domain/session.ts'
import { AppError } from '../../errors.ts'
import type { Asker, TicketsRepository } from './repository.ts'

/** Long enough to open a socket on a bad network, too short to be worth finding in a log. */
const TTL_MS = 30_000
const BYTES = 24
const FORM = /^[\w-]{32}$/

/** 192 random bits need no salt: what is stored opens nothing. */
const hashOf = (ticket: string) => createHash('sha256').update(ticket).digest('base64url')

type Dependencies = {
  readonly sql: postgres.Sql
  readonly repository: TicketsRepository
  readonly find: (
    sessionId: string,
  ) => Promise<{ readonly session: { readonly userId: number; readonly status: SessionStatus } } | undefined>
}

/** Single-use admissions of a socket: of one user, to one channel of one session, for half a minute. */
export function createTicketService({ sql, repository, find }: Dependencies) {
  return {
    /** @throws SESSION_NOT_FOUND, also for a session of somebody else, and SESSION_ENDED. */
    async issue(sessionId: string, channel: Channel, { userId, familyId }: Asker) {
      const found = await find(sessionId)
      if (found?.session.userId !== userId) throw new AppError('SESSION_NOT_FOUND')
      if (found.session.status === 'ended') throw new AppError('SESSION_ENDED')
      const ticket = randomBytes(BYTES).toString('base64url')
      const row = { hash: hashOf(ticket), sessionId, channel, userId, familyId, ttlMs: TTL_MS }
      const expiresAt = await repository.insert(sql, row)
      if (expiresAt === undefined) throw new AppError('SESSION_NOT_FOUND')
      return { ticket, expiresAt }
    },

    /**
     * The device that holds the ticket, null where it is not known; undefined unless the ticket admits to this channel of
     * this session, which it does once.
     */
    async redeem(
      ticket: unknown,
      sessionId: string,
      channel: Channel,
    ): Promise<{ readonly familyId: string | null } | undefined> {
      if (typeof ticket !== 'string' || !FORM.test(ticket)) return undefined
      return repository.take(sql, hashOf(ticket), { sessionId, channel })
    },
  }
}

export type TicketService = ReturnType<typeof createTicketService>
