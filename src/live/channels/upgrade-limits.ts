import { AppError } from '../../protocol/errors.ts'
import { createSlots } from '../../lib/slots.ts'
import type { Admission, AdmitUser } from './admission.ts'

/** Sockets of a disconnected client are closed within three pings. */
const CROWDED_RETRY_SECONDS = 30

type Options = {
  readonly socketsPerAddress: number
  readonly socketsPerUser: number
  readonly onRefused: (reason: 'address' | 'user', ip: string) => void
}

/** The connection of an upgrade request. */
type Upgrade = {
  readonly socket: { readonly destroyed: boolean; once(event: 'close', listener: () => void): unknown }
  readonly ip: string
  /** The address that is limited: of a large network a part of `ip`. */
  readonly address: string
}

/** Limits the sockets of an address and of a user. */
export function createUpgradeLimits({ socketsPerAddress, socketsPerUser, onRefused }: Options) {
  const addresses = createSlots(socketsPerAddress)
  const users = createSlots(socketsPerUser)

  /**
   * Admits within the limits. The slots are released when the connection closes, and so is a session that was claimed
   * for it and never fed.
   */
  return async (
    { socket, ip, address }: Upgrade,
    admit: (admitUser: AdmitUser) => Promise<Admission>,
  ): Promise<Admission> => {
    const releases: (() => void)[] = []
    let isLeft = false
    const leave = () => {
      isLeft = true
      for (const release of releases) release()
    }
    const keep = (release: (() => void) | undefined, reason: 'address' | 'user') => {
      if (isLeft || socket.destroyed) {
        release?.()
        throw new AppError('RATE_LIMITED') // the connection is closed: nothing is claimed for it
      }
      if (release !== undefined) {
        releases.push(release)
        return
      }
      onRefused(reason, ip)
      throw new AppError('RATE_LIMITED', { retryAfter: CROWDED_RETRY_SECONDS })
    }
    let isUserAdmitted = false
    const admitUser = (userId: number) => {
      if (isUserAdmitted) return
      keep(users.acquire(String(userId)), 'user')
      isUserAdmitted = true
    }
    let admission: Admission
    try {
      keep(addresses.acquire(address), 'address')
      admission = await admit(admitUser)
      const { start } = admission.kind === 'admitted' ? admission : {}
      if (start !== undefined) releases.push(() => start.claim.release())
    } catch (error) {
      leave()
      throw error
    }
    if (socket.destroyed) leave()
    else socket.once('close', leave)
    return admission
  }
}
