import type { SessionRow } from '../../db/session-row.ts'

const epoch = (time: Date | null): number | null => time?.getTime() ?? null

/** The session as REST and the session channel show it. */
export const toSessionView = (found: { session: SessionRow; emotionCount: number; durationMs: number }) => ({
  sessionId: found.session.id,
  ...found.session.labels,
  status: found.session.status,
  startedAt: found.session.startedAt.getTime(),
  pausedAt: epoch(found.session.pausedAt),
  resumedAt: epoch(found.session.resumedAt),
  endedAt: epoch(found.session.endedAt),
  endReason: found.session.endReason,
  duration: found.durationMs,
  emotionCount: found.emotionCount,
  landmarkCount: found.session.landmarkCount,
})

export const toPausedView = ({ id, status, pausedAt }: SessionRow) => ({
  sessionId: id,
  status,
  pausedAt: epoch(pausedAt),
})

/** A session that was never paused counts as resumed at its start. */
export const toResumedView = ({ id, status, resumedAt, startedAt }: SessionRow) => ({
  sessionId: id,
  status,
  resumedAt: (resumedAt ?? startedAt).getTime(),
})

/** Absolute URLs of the three sockets, with the session id in the query. */
export function toSocketUrls(sessionId: string, httpOrigin: string) {
  const url = (channel: string) => `${httpOrigin.replace(/^http/, 'ws')}/ws/${channel}?sessionId=${sessionId}`
  return { landmarks: url('landmarks'), voice: url('voice'), session: url('session') }
}
