import type postgres from 'postgres'
import type { Channel } from '../../domain/session.ts'

type Admits = { readonly sessionId: string; readonly channel: Channel }

/** Who asks for a ticket, and on which device. */
export type Asker = { readonly userId: number; readonly familyId: string }

/** Straight to the driver: a socket waits for these, and there they take one round trip each. */
export const ticketsRepository = {
  /**
   * When it expires by the database's clock, ms since the epoch; undefined when the session is gone, or the device
   * logged out.
   */
  async insert(
    sql: postgres.Sql,
    ticket: Admits & Asker & { readonly hash: string; readonly ttlMs: number },
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
   * Takes the ticket away and returns the device that it was issued to; undefined unless it was there, in time, for this
   * session of its own user and this channel, and its device is still logged in.
   */
  async take(
    sql: postgres.Sql,
    hash: string,
    { sessionId, channel }: Admits,
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

  /** Deletes up to `limit` that nobody has used in time. */
  async deleteExpired(sql: postgres.Sql, limit: number): Promise<void> {
    await sql`
      delete from tickets where hash in (
        select hash from tickets where expires_at < now()
        order by expires_at limit ${limit} for update skip locked
      )`
  },
}

export type TicketsRepository = typeof ticketsRepository
