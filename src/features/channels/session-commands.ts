import { AppError } from '../../errors.ts'
import type { Connection } from './connection.ts'
import { type StatusFrameType, toStatusFrame } from './frames.ts'

type Sessions = {
  pause(id: string, asker: 'capability'): Promise<unknown>
  resume(id: string, asker: 'capability'): Promise<unknown>
  end(id: string, asker: 'capability'): Promise<unknown>
  status(id: string): Promise<Parameters<typeof toStatusFrame>[1]>
}

export const SESSION_COMMANDS = ['pause', 'resume', 'end', 'get_status'] as const

const SUCCESS: Readonly<Record<'pause' | 'resume' | 'end', StatusFrameType>> = {
  pause: 'pause_success',
  resume: 'resume_success',
  end: 'end_success',
}

/** One command of a session socket. Rejects with what the holder of the socket is to be told. */
export async function carryOut(
  connection: Connection,
  sessions: Sessions,
  type: string | undefined,
): Promise<void> {
  const { sessionId } = connection
  switch (type) {
    case 'pause':
    case 'resume':
    case 'end':
      await sessions[type](sessionId, 'capability')
      connection.send(toStatusFrame(SUCCESS[type], await sessions.status(sessionId)))
      return
    case 'get_status':
      connection.send(toStatusFrame('status_update', await sessions.status(sessionId)))
      return
    default:
      throw new AppError('INVALID_MESSAGE')
  }
}
