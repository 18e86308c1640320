import { availableParallelism } from 'node:os'
import * as argon2 from '@node-rs/argon2'
import pLimit from 'p-limit'
import { AppError } from '../../errors.ts'

/** The package's number for argon2id; its const enum cannot be imported by an isolated module. */
const ARGON2ID = 2

/** OWASP password storage cheat sheet, argon2id: 19 MiB, two passes, one lane. */
const PARAMETERS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 }

type Hasher = Pick<typeof argon2, 'hash' | 'verify'>

/** Hashes that may wait; at some 100 a second a caller beyond these would wait for seconds. */
const MAX_WAITING = 256
const BUSY_RETRY_SECONDS = 2

/**
 * Hashing off the event loop, in a bounded queue: as many at once as there are cores, `SERVER_BUSY` when too many wait.
 * `pepper` is a secret that is mixed into every hash and never stored; `hasher` is argon2 unless a test counts its work.
 */
export function createPasswords({ pepper, hasher = argon2 }: { pepper: string | null; hasher?: Hasher }) {
  const limit = pLimit(availableParallelism())
  const options = pepper === null ? PARAMETERS : { ...PARAMETERS, secret: Buffer.from(pepper) }
  // One text, one form: the same password typed on another keyboard must match.
  const normal = (password: string) => password.normalize('NFC')

  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= MAX_WAITING)
      throw new AppError('SERVER_BUSY', { retryAfter: BUSY_RETRY_SECONDS })
    return limit(work)
  }
  const hashed = async (password: string) => queued(() => hasher.hash(normal(password), options))

  let decoy: Promise<string> | undefined

  return {
    /** A PHC string. */
    hash: hashed,
    /** Does the same work whether there is a hash to compare with or not, so that time tells nothing about accounts. */
    async verify(stored: string | undefined, password: string): Promise<boolean> {
      decoy ??= hashed('no password is this one')
      const reference = stored ?? (await decoy)
      const matches = await queued(() => hasher.verify(reference, normal(password), options))
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
