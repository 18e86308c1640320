import { and, asc, eq, isNotNull } from 'drizzle-orm'
import type { Orm } from '../../db/orm.ts'
import { emotionWindows, sessions, voiceWindows } from '../../db/schema/index.ts'

export const replayRepository = {
  findSession: async (orm: Orm, sessionId: string) =>
    (await orm.select().from(sessions).where(eq(sessions.id, sessionId)).limit(1))[0],

  /** The answered windows, in order. */
  listWindows: (orm: Orm, sessionId: string) =>
    orm
      .select()
      .from(emotionWindows)
      .where(and(eq(emotionWindows.sessionId, sessionId), isNotNull(emotionWindows.answeredAt)))
      .orderBy(asc(emotionWindows.window)),

  listVoice: (orm: Orm, sessionId: string) =>
    orm.select().from(voiceWindows).where(eq(voiceWindows.sessionId, sessionId)),
}

export type WindowRow = Awaited<ReturnType<typeof replayRepository.listWindows>>[number]
