import type { SessionEvent, WindowAnswer } from '../../protocol/session-events.ts'
import type { Connection } from './connection.ts'
import { type ServerFrame, toEmotionUpdate, toStatusFrame } from '../../protocol/channels/frames.ts'
import type { Registry } from './registry.ts'

type Dependencies = {
  readonly registry: Registry
  /** This window's answer was sent on a socket. */
  readonly delivered: (sessionId: string, window: number) => void
  readonly status: (sessionId: string) => Promise<Parameters<typeof toStatusFrame>[1]>
  readonly onStatusFailed: (error: unknown) => void
}

/** Sends the events of a session to its open sockets. */
export function createAnnouncer({ registry, delivered, status, onStatusFailed }: Dependencies) {
  /** To the landmarks socket that feeds the session, or to another open one; false when there is none. */
  const toLandmarks = (sessionId: string, frame: ServerFrame): boolean =>
    registry.receiving(sessionId, 'landmarks').find((connection) => connection.send(frame)) !== undefined

  /** To the open socket of the session; without one the answer waits for the next socket. */
  const deliver = (sessionId: string, answer: WindowAnswer): void => {
    const sent = registry
      .receiving(sessionId, 'landmarks')
      .find((connection) => connection.sendAnswer(answer))
    if (sent !== undefined) delivered(sessionId, answer.window)
  }

  const toV2 = (sessionId: string, frame: ServerFrame): void => {
    const [first] = registry.receiving(sessionId, 'landmarks')
    if (first?.isV2 === true) first.send(frame)
  }

  const showStatus = (watcher: Connection): void =>
    watcher.enqueue(async () => {
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
          deliver(sessionId, event.answer)
          return
        case 'window_refined':
          toV2(sessionId, toEmotionUpdate(event.answer, true, 2))
          return
        case 'window_skipped':
          toV2(sessionId, { type: 'analysis_skipped', data: { window: event.window, reason: event.reason } })
          return
        case 'session_deleted':
          for (const connection of registry.all(sessionId)) connection.rejectSession('SESSION_NOT_FOUND')
          return
        case 'analysis_finished':
          // Queued, so that the answer to the command that ended the session is still sent.
          for (const connection of registry.all(sessionId))
            connection.enqueue(async () => connection.close(1000, 'SESSION_ENDED'))
      }
    },
  }
}
