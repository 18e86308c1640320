import { and, eq, sql } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { sessions, voiceWindows } from '../../db/schema/index.ts'
import { mayStore } from '../../db/storable.ts'

export type VoiceRow = {
  readonly sessionId: string
  readonly window: number
  readonly closedAt: Date
  readonly measures: Readonly<Record<string, number>>
}

export const voiceRepository = {
  /**
   * Stores the windows and replaces the measures of stored ones. Skips deleted sessions and those of which nothing may
   * be stored.
   */
  async upsert(orm: Orm, rows: readonly VoiceRow[], isConsentRequired: boolean): Promise<void> {
    const found = JSON.stringify(
      rows.map(({ sessionId, window, closedAt, measures }) => ({
        id: sessionId,
        n: window,
        at: closedAt,
        measures,
      })),
    )
    await orm.execute(sql`
      insert into ${voiceWindows} (session_id, "window", closed_at, measures)
      select s.id, v.n, v.at, v.measures
      from jsonb_to_recordset(${found}::text::jsonb) as v (id text, n int, at timestamptz, measures jsonb)
      join ${sessions} s on s.id = v.id and ${mayStore(isConsentRequired)}
      order by s.id, v.n
      on conflict (session_id, "window") do update set measures = excluded.measures`)
  },

  /** The measures as stored, which may be encrypted. */
  find: async (orm: Orm, sessionId: string, window: number): Promise<Record<string, number> | undefined> => {
    const [row] = await orm
      .select({ measures: voiceWindows.measures })
      .from(voiceWindows)
      .where(and(eq(voiceWindows.sessionId, sessionId), eq(voiceWindows.window, window)))
      .limit(1)
    return row?.measures
  },
}
