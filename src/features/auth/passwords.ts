import { createHmac } from 'node:crypto'
import { availableParallelism } from 'node:os'
import * as argon2 from '@node-rs/argon2'
import pLimit from 'p-limit'
import { AppError } from '../../protocol/errors.ts'

/** The package's value for argon2id; its const enum cannot be imported with `isolatedModules`. */
const ARGON2ID = 2

/** OWASP password storage cheat sheet, argon2id: 19 MiB, two passes, one lane. */
const PARAMETERS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 }
const STORED_PARAMETERS = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$/

type Hasher = Pick<typeof argon2, 'hash' | 'verify'>

/** At about 100 hashes per second, a longer queue would delay callers by seconds. */
const MAX_WAITING = 256
const BUSY_RETRY_SECONDS = 2

/**
 * Hashes off the event loop, in a bounded queue: one hash per core at a time, `SERVER_BUSY` if too many wait. `pepper`
 * is a secret that is applied to every password (HMAC-SHA-256, before the hash) and never stored. Tests replace
 * `hasher`.
 */
export function createPasswords({ pepper, hasher = argon2 }: { pepper: string | null; hasher?: Hasher }) {
  const limit = pLimit(availableParallelism())
  // The same password must match if another keyboard composes its characters differently.
  const addPepper = (password: string) => {
    const normal = password.normalize('NFC')
    return pepper === null ? normal : createHmac('sha256', pepper).update(normal).digest('base64')
  }

  const enqueue = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= MAX_WAITING)
      throw new AppError('SERVER_BUSY', { retryAfter: BUSY_RETRY_SECONDS })
    return limit(work)
  }
  const hash = async (password: string) => enqueue(() => hasher.hash(addPepper(password), PARAMETERS))

  let decoy: Promise<string> | undefined

  return {
    /** A PHC string. */
    hash,
    /**
     * Takes the same time with and without a stored hash, so that timing does not reveal which accounts exist. Another
     * kind of hash, of an account that was imported from another program, matches no password.
     */
    async verify(stored: string | undefined, password: string): Promise<boolean> {
      decoy ??= hash('no password is this one')
      const isReadable = stored?.startsWith('$argon2') === true
      const reference = isReadable ? stored : await decoy
      const matches = await enqueue(() => hasher.verify(reference, addPepper(password)))
      return matches && isReadable
    },
    /** Creates the decoy hash in advance, so that the first unknown e-mail does not take twice as long. */
    async prepare(): Promise<void> {
      decoy ??= hash('no password is this one')
      await decoy
    },
  }
}

export type Passwords = ReturnType<typeof createPasswords>

/** Whether a stored hash uses less work than the current parameters. */
export function isOutdated(stored: string): boolean {
  const [, memory, passes] = STORED_PARAMETERS.exec(stored) ?? []
  return (
    Number(memory) < PARAMETERS.memoryCost || Number(passes) < PARAMETERS.timeCost || memory === undefined
  )
}
