import type { SessionEvent, WindowAnswer } from '../../plugins/hub.ts'
import { type EmotionUpdateFrame, type ServerFrame, toStatusFrame } from './frames.ts'
import type { Registry } from './registry.ts'

type Dependencies = {
  readonly registry: Registry
  readonly status: (sessionId: string) => Promise<Parameters<typeof toStatusFrame>[1]>
  readonly onStatusFailed: (error: unknown) => void
}

export const toEmotionUpdate = (answer: WindowAnswer): EmotionUpdateFrame => ({
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
  const toLandmarks = (sessionId: string, frame: ServerFrame) =>
    registry.newest(sessionId, 'landmarks')?.send(frame)

  const statusChanged = (sessionId: string, event: Extract<SessionEvent, { type: 'status_changed' }>) => {
    const timestamp = event.at
    for (const connection of registry.of(sessionId, 'landmarks')) {
      if (event.status === 'paused') connection.send({ type: 'session_paused', data: { timestamp } })
      else if (event.status === 'active') connection.send({ type: 'session_resumed', data: { timestamp } })
      else {
        const duration = Math.max(0, timestamp - connection.startedAt)
        connection.send({ type: 'session_ended', data: { timestamp, duration } })
      }
    }
    const watchers = registry.of(sessionId, 'session')
    if (watchers.length === 0) return
    status(sessionId).then((view) => {
      for (const watcher of watchers) watcher.send(toStatusFrame('status_update', view))
    }, onStatusFailed)
  }

  return (sessionId: string, event: SessionEvent): void => {
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
        toLandmarks(sessionId, toEmotionUpdate(event.answer))
        return
      case 'analysis_finished':
        for (const connection of registry.all(sessionId)) connection.close(1000, 'SESSION_ENDED')
    }
  }
}
