import { LRUCache } from 'lru-cache'
import type { SessionEvent, WindowAnswer } from '../../plugins/hub.ts'
import type { Connection } from './connection.ts'
import { type EmotionUpdateFrame, type ServerFrame, toStatusFrame } from './frames.ts'
import type { Registry } from './registry.ts'

/** Sessions whose answers wait for a socket, and how many answers of one session do. */
const MAX_WAITING_SESSIONS = 10_000
const MAX_WAITING_ANSWERS = 4

type Dependencies = {
  readonly registry: Registry
  readonly status: (sessionId: string) => Promise<Parameters<typeof toStatusFrame>[1]>
  readonly onStatusFailed: (error: unknown) => void
}

const toEmotionUpdate = (answer: WindowAnswer): EmotionUpdateFrame => ({
  type: 'emotion_update',
  data: {
    emotion: answer.reading.emotion,
    timestamp: answer.closedAt,
    frameCount: answer.frameCount,
    sttSnippet: answer.sttSnippet ?? '',
    confidence: answer.reading.confidence,
    uncertain: answer.reading.uncertain,
    scores: answer.reading.scores,
    valence: answer.reading.valence,
    arousal: answer.reading.arousal,
    dominance: answer.reading.dominance,
    source: answer.source,
    model: answer.model,
    window: answer.window,
  },
})

/** Brings what happens to a session to the sockets that it has at that moment. */
export function createAnnouncer({ registry, status, onStatusFailed }: Dependencies) {
  /** Answers that came while their session had no socket, oldest first: the next socket gets them. */
  const waiting = new LRUCache<string, readonly EmotionUpdateFrame[]>({ max: MAX_WAITING_SESSIONS })

  /** To the newest landmarks socket that is still open; false when there is none. */
  const toLandmarks = (sessionId: string, frame: ServerFrame): boolean =>
    registry.of(sessionId, 'landmarks').findLast((connection) => connection.send(frame)) !== undefined

  const deliver = (sessionId: string, frame: EmotionUpdateFrame): void => {
    if (toLandmarks(sessionId, frame)) return
    waiting.set(sessionId, [...(waiting.get(sessionId) ?? []), frame].slice(-MAX_WAITING_ANSWERS))
  }

  const showStatus = (watcher: Connection): void =>
    watcher.inOrder(async () => {
      try {
        watcher.send(toStatusFrame('status_update', await status(watcher.sessionId)))
      } catch (error) {
        onStatusFailed(error)
      }
    })

  const statusChanged = (sessionId: string, event: Extract<SessionEvent, { type: 'status_changed' }>) => {
    const { at: timestamp } = event
    if (event.status === 'paused') toLandmarks(sessionId, { type: 'session_paused', data: { timestamp } })
    else if (event.status === 'active')
      toLandmarks(sessionId, { type: 'session_resumed', data: { timestamp } })
    else {
      const duration = Math.max(
        0,
        timestamp - (registry.newest(sessionId, 'landmarks')?.startedAt ?? timestamp),
      )
      toLandmarks(sessionId, { type: 'session_ended', data: { timestamp, duration } })
    }
    for (const watcher of registry.of(sessionId, 'session')) showStatus(watcher)
  }

  return {
    announce(sessionId: string, event: SessionEvent): void {
      switch (event.type) {
        case 'status_changed':
          statusChanged(sessionId, event)
          return
        case 'window_closed': {
          const { window, frameCount, at: timestamp } = event
          toLandmarks(sessionId, { type: 'analysis_started', data: { window, frameCount, timestamp } })
          return
        }
        case 'window_answered':
          deliver(sessionId, toEmotionUpdate(event.answer))
          return
        case 'analysis_finished':
          waiting.delete(sessionId)
          // In order, so that the answer to the command that ended it is still sent.
          for (const connection of registry.all(sessionId))
            connection.inOrder(async () => connection.close(1000, 'SESSION_ENDED'))
      }
    },

    /** Sends a new landmarks socket what was answered while there was none. */
    catchUp({ sessionId }: Connection): void {
      const frames = waiting.get(sessionId) ?? []
      waiting.delete(sessionId)
      for (const frame of frames) deliver(sessionId, frame)
    },
  }
}
