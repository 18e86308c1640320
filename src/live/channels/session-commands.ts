import type { Connection } from './connection.ts'
import { type StatusFrameType, toStatusFrame } from '../../protocol/channels/frames.ts'

type Sessions = {
  pause(id: string, asker: 'capability'): Promise<unknown>
  resume(id: string, asker: 'capability'): Promise<unknown>
  end(id: string, asker: 'capability'): Promise<unknown>
  status(id: string): Promise<Parameters<typeof toStatusFrame>[1]>
}

export const SESSION_COMMANDS = ['pause', 'resume', 'end', 'get_status'] as const
type SessionCommand = (typeof SESSION_COMMANDS)[number]

export const isCommand = (type: string | undefined): type is SessionCommand =>
  SESSION_COMMANDS.some((command) => command === type)

const SUCCESS: Readonly<Record<'pause' | 'resume' | 'end', StatusFrameType>> = {
  pause: 'pause_success',
  resume: 'resume_success',
  end: 'end_success',
}

/** One command of a session socket. Rejects with the error to show to its client. */
export async function carryOut(
  connection: Connection,
  sessions: Sessions,
  command: SessionCommand,
): Promise<void> {
  const { sessionId } = connection
  if (command !== 'get_status') await sessions[command](sessionId, 'capability')
  const type = command === 'get_status' ? 'status_update' : SUCCESS[command]
  connection.send(toStatusFrame(type, await sessions.status(sessionId)))
}
