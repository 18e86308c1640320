import { randomBytes } from 'node:crypto'
import { commitDurably } from '../../../db/durable.ts'
import { isTimedOut } from '../../../db/faults.ts'
import type { Orm } from '../../../db/orm.ts'
import type { EndReason } from '../../../domain/session.ts'
import { AppError } from '../../../errors.ts'
import { removeAll } from '../../../lib/batches.ts'
import type { Receipts } from './receipt.ts'
import type { ErasureRepository } from './repository.ts'

type Person = { readonly userId: number; readonly familyId: string; readonly counter: number }

type Dependencies = {
  readonly orm: Orm
  readonly repository: ErasureRepository
  /** Rejects unless this is the account's password. */
  readonly proveOwner: (userId: number, password: string) => Promise<void>
  readonly logOutEverywhere: (person: Person) => Promise<void>
  readonly sessions: {
    endOfUser(userId: number, reason: EndReason): Promise<void>
    deleteOfUser(userId: number, limit: number): Promise<number>
  }
  readonly pseudonymOf: (userId: number) => Promise<string | undefined>
  readonly forgetKey: (userId: number) => void
  readonly onErased: (userId: number, address: string) => void
  readonly receipts: Receipts
  /** The last row of the audit trail: with it in the receipt that row cannot disappear unnoticed. */
  readonly trailHead: () => { readonly chain: string; readonly place: number; readonly hash: string }
}

/** Sessions that one statement erases with all that hangs on them: well within its deadline. */
const BATCH = 50
/** People who go on starting sessions while theirs are erased are not waited for for ever. */
const MOST_BATCHES = 10_000

/** Erasure of a person: what runs is ended, what is stored goes, and their data key with it. */
export function createErasure(dependencies: Dependencies) {
  const { orm, repository, sessions } = dependencies
  return {
    /**
     * Resolves with a signed receipt when nothing of the person is in the database any more.
     * @throws INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS, UNAUTHORIZED when somebody was quicker
     */
    async erase(person: Person, password: string, address: string) {
      const { userId } = person
      await dependencies.proveOwner(userId, password)
      const erased = await repository.count(orm, userId)
      await sessions.endOfUser(userId, 'account_deleted')
      await dependencies.logOutEverywhere(person)
      await repository.deleteTurns(orm, userId)
      await removeAll({
        remove: (limit) => sessions.deleteOfUser(userId, limit),
        batch: BATCH,
        maxTries: MOST_BATCHES,
        isTooMuch: isTimedOut,
      })
      // Asked for while there is still a key, for the trail's last word about the person.
      const subject = await dependencies.pseudonymOf(userId)
      const isErased = await commitDurably(orm, (tx) => repository.deleteUser(tx, userId))
      if (!isErased) throw new AppError('UNAUTHORIZED')
      dependencies.onErased(userId, address)
      dependencies.forgetKey(userId)
      const erasedAt = Date.now()
      const receipt = {
        iss: 'maeum',
        jti: randomBytes(16).toString('base64url'),
        iat: Math.floor(erasedAt / 1000),
        sub: subject ?? null,
        event: 'account_erased',
        erased,
        trail: dependencies.trailHead(),
      }
      const { publicKey } = dependencies.receipts
      return { erasedAt, erased, receipt: dependencies.receipts.sign(receipt), publicKey }
    },
  }
}

export type Erasure = ReturnType<typeof createErasure>
