import type postgres from 'postgres'
import type { Channel } from '../../domain/session.ts'

type TicketScope = { readonly sessionId: string; readonly channel: Channel }

/** The user and the device that a ticket is issued to. */
export type TicketHolder = { readonly userId: number; readonly familyId: string }

/** Uses the driver directly, because sockets wait for these statements and each then takes one round trip. */
export const ticketsRepository = {
  /**
   * Returns the expiry by the database's clock, ms since the Unix epoch; undefined if the session is deleted or the
   * device is logged out.
   */
  async insert(
    sql: postgres.Sql,
    ticket: TicketScope & TicketHolder & { readonly hash: string; readonly ttlMs: number },
  ): Promise<number | undefined> {
    const [row] = await sql`
      insert into tickets (hash, session_id, user_id, family_id, channel, expires_at)
      select ${ticket.hash}, s.id, s.user_id, f.id, ${ticket.channel},
             now() + ${ticket.ttlMs}::float8 * interval '1 millisecond'
      from sessions s
      join refresh_families f
        on f.id = ${ticket.familyId} and f.user_id = s.user_id and f.revoked_at is null
      where s.id = ${ticket.sessionId} and s.user_id = ${ticket.userId}
      returning extract(epoch from expires_at) * 1000 as expires_at`
    return row === undefined ? undefined : Math.floor(Number(row['expires_at']))
  },

  /**
   * Deletes the ticket and returns the device that it was issued to. Undefined if there is no unexpired ticket for this
   * channel of this session of its user, or if its device is logged out.
   */
  async take(
    sql: postgres.Sql,
    hash: string,
    { sessionId, channel }: TicketScope,
  ): Promise<{ readonly familyId: string | null } | undefined> {
    const [row] = await sql`
      delete from tickets using sessions
      where tickets.hash = ${hash} and tickets.session_id = ${sessionId} and tickets.channel = ${channel}
        and sessions.id = tickets.session_id and sessions.user_id = tickets.user_id
        and tickets.expires_at > now()
        and not exists (
          select from refresh_families f where f.id = tickets.family_id and f.revoked_at is not null
        )
      returning tickets.family_id`
    return row === undefined ? undefined : { familyId: row['family_id'] as string | null } // text
  },

  /** Deletes up to `limit` expired tickets. */
  async deleteExpired(sql: postgres.Sql, limit: number): Promise<void> {
    await sql`
      delete from tickets where hash in (
        select hash from tickets where expires_at < now()
        order by expires_at limit ${limit} for update skip locked
      )`
  },
}

export type TicketsRepository = typeof ticketsRepository
