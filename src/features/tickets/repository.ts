import type postgres from 'postgres'
import type { Channel } from '../../domain/session.ts'

type Admits = { readonly sessionId: string; readonly channel: Channel }

/** Straight to the driver: a socket waits for these, and there they take one round trip each. */
export const ticketsRepository = {
  /** When it expires by the database's clock, ms since the epoch; undefined when the session is gone. */
  async insert(
    sql: postgres.Sql,
    ticket: Admits & { readonly hash: string; readonly userId: number; readonly ttlMs: number },
  ): Promise<number | undefined> {
    const [row] = await sql`
      insert into tickets (hash, session_id, user_id, channel, expires_at)
      select ${ticket.hash}, id, user_id, ${ticket.channel},
             now() + ${ticket.ttlMs}::float8 * interval '1 millisecond'
      from sessions where id = ${ticket.sessionId} and user_id = ${ticket.userId}
      returning extract(epoch from expires_at) * 1000 as expires_at`
    return row === undefined ? undefined : Math.floor(Number(row['expires_at']))
  },

  /** Takes the ticket away; true when it was there, in time, and for this session of its own user and this channel. */
  async take(sql: postgres.Sql, hash: string, { sessionId, channel }: Admits): Promise<boolean> {
    const rows = await sql`
      delete from tickets using sessions
      where tickets.hash = ${hash} and tickets.session_id = ${sessionId} and tickets.channel = ${channel}
        and sessions.id = tickets.session_id and sessions.user_id = tickets.user_id
        and tickets.expires_at > now()
      returning tickets.hash`
    return rows.length > 0
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
