import { createHmac } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as argon2 from '@node-rs/argon2'
import pLimit from 'p-limit'
import { AppError } from '../../errors.ts'

/** The package's number for argon2id; its const enum cannot be imported by an isolated module. */
const ARGON2ID = 2

/** OWASP password storage cheat sheet, argon2id: 19 MiB, two passes, one lane. */
const PARAMETERS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const STORED_PARAMETERS = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/

type Hasher = Pick<typeof argon2, 'hash' | 'verify'>

/** Hashes that may wait; at some 100 a second a caller beyond these would wait for seconds. */
const MAX_WAITING = 256
const BUSY_RETRY_SECONDS = 2

/**
 * Hashing off the event loop, in a bounded queue: as many at once as there are cores, `SERVER_BUSY` when too many wait.
 * `pepper` is a secret that is mixed into every password (HMAC-SHA-256, before the hash) and never stored; `hasher` is
 * argon2 unless a test counts its work.
 */
export function createPasswords({ pepper, hasher = argon2 }: { pepper: string | null; hasher?: Hasher }) {
  const limit = pLimit(availableParallelism())
  // One text, one form: the same password typed on another keyboard must match.
  const seasoned = (password: string) => {
    const normal = password.normalize('NFC')
    return pepper === null ? normal : createHmac('sha256', pepper).update(normal).digest('base64')
  }

  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= MAX_WAITING)
      throw new AppError('SERVER_BUSY', { retryAfter: BUSY_RETRY_SECONDS })
    return limit(work)
  }
  const hashed = async (password: string) => queued(() => hasher.hash(seasoned(password), PARAMETERS))

  let decoy: Promise<string> | undefined

  return {
    /** A PHC string. */
    hash: hashed,
    /** Does the same work whether there is a hash to compare with or not, so that time tells nothing about accounts. */
    async verify(stored: string | undefined, password: string): Promise<boolean> {
      decoy ??= hashed('no password is this one')
      const reference = stored ?? (await decoy)
      const matches = await queued(() => hasher.verify(reference, seasoned(password)))
      return matches && stored !== undefined
    },
    /** Makes the decoy, so that the first unknown e-mail does not take twice as long. */
    async prepare(): Promise<void> {
      decoy ??= hashed('no password is this one')
      await decoy
    },
  }
}

export type Passwords = ReturnType<typeof createPasswords>

/** Whether a stored hash was made with less work than is asked today. */
export function isOutdated(stored: string): boolean {
  const [, memory, passes] = STORED_PARAMETERS.exec(stored) ?? []
  return (
    Number(memory) < PARAMETERS.memoryCost || Number(passes) < PARAMETERS.timeCost || memory === undefined
  )
}
