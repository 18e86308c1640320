import { sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { feedbacks, sessions, users } from '../../db/schema/index.ts'

type NewFeedback = {
  readonly userId: number
  readonly sessionId: string | null
  readonly rating: number
  readonly note: string | null
  readonly category: string | null
}

type StoredFeedback = { readonly id: number; readonly submittedAt: number }

export const feedbackRepository = {
  /**
   * Undefined when the user or their session does not exist. One statement, which a concurrent deletion of the session
   * cannot split.
   */
  insert: async (orm: Orm, row: NewFeedback): Promise<StoredFeedback | undefined> => {
    const owner =
      row.sessionId === null
        ? sql`select ${users.id}, null from ${users} where ${users.id} = ${row.userId}`
        : sql`select ${sessions.userId}, ${sessions.id} from ${sessions}
              where ${sessions.id} = ${row.sessionId} and ${sessions.userId} = ${row.userId}`
    const [stored] = await orm.execute<{ id: string; at: number }>(sql`
      insert into ${feedbacks} (user_id, session_id, rating, note, category)
      select owner.user_id, owner.session_id, ${row.rating}::smallint, ${row.note}::text, ${row.category}::text
      from (${owner}) as owner (user_id, session_id)
      returning id, (extract(epoch from created_at) * 1000)::float8 as at`)
    return stored === undefined ? undefined : { id: Number(stored.id), submittedAt: Math.round(stored.at) }
  },
}
