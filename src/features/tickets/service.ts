import { createHash, randomBytes } from 'node:crypto'
import type postgres from 'postgres'
import type { Channel, SessionStatus } from '../../domain/session.ts'
import { AppError } from '../../protocol/errors.ts'
import type { TicketHolder, TicketsRepository } from './repository.ts'

/** Long enough to open a socket on a slow network, short enough to make a logged ticket useless. */
const TTL_MS = 30_000
const BYTES = 24
const PATTERN = /^[\w-]{32}$/

/** Only the hash is stored. 192 random bits need no salt. */
const hashTicket = (ticket: string) => createHash('sha256').update(ticket).digest('base64url')

type Dependencies = {
  readonly sql: postgres.Sql
  readonly repository: TicketsRepository
  readonly find: (
    sessionId: string,
  ) => Promise<{ readonly session: { readonly userId: number; readonly status: SessionStatus } } | undefined>
}

/** Issues and redeems single-use tickets: for one user and one channel of one session, valid for 30 seconds. */
export function createTicketService({ sql, repository, find }: Dependencies) {
  return {
    /** @throws SESSION_NOT_FOUND, also for a session of another user, and SESSION_ENDED. */
    async issue(sessionId: string, channel: Channel, { userId, familyId }: TicketHolder) {
      const found = await find(sessionId)
      if (found?.session.userId !== userId) throw new AppError('SESSION_NOT_FOUND')
      if (found.session.status === 'ended') throw new AppError('SESSION_ENDED')
      const ticket = randomBytes(BYTES).toString('base64url')
      const row = { hash: hashTicket(ticket), sessionId, channel, userId, familyId, ttlMs: TTL_MS }
      const expiresAt = await repository.insert(sql, row)
      if (expiresAt === undefined) throw new AppError('SESSION_NOT_FOUND')
      return { ticket, expiresAt }
    },

    /**
     * Returns the device of the ticket, null if it is unknown; undefined if the ticket is not valid for this channel of
     * this session. A ticket is valid once.
     */
    async redeem(
      ticket: unknown,
      sessionId: string,
      channel: Channel,
    ): Promise<{ readonly familyId: string | null } | undefined> {
      if (typeof ticket !== 'string' || !PATTERN.test(ticket)) return undefined
      return repository.take(sql, hashTicket(ticket), { sessionId, channel })
    },
  }
}

export type TicketService = ReturnType<typeof createTicketService>
