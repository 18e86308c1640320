import { randomBytes } from 'node:crypto'
import { commitDurably } from '../../../db/durable.ts'
import { isTimedOut } from '../../../db/faults.ts'
import type { Orm } from '../../../db/orm.ts'
import type { EndReason } from '../../../domain/session.ts'
import { AppError } from '../../../protocol/errors.ts'
import { removeAll } from '../../../lib/batches.ts'
import type { Receipts } from '../../../lib/receipts.ts'
import type { ErasureRepository } from './repository.ts'

type User = { readonly userId: number }

type Dependencies = {
  readonly orm: Orm
  readonly repository: ErasureRepository
  /** Rejects unless this is the account's password. */
  readonly proveOwner: (userId: number, password: string) => Promise<void>
  readonly logOutEverywhere: (user: User) => Promise<void>
  readonly sessions: {
    endOfUser(userId: number, reason: EndReason): Promise<void>
    deleteOfUser(userId: number, limit: number): Promise<number>
  }
  readonly pseudonymOf: (userId: number) => Promise<string | undefined>
  readonly forgetKey: (userId: number) => void
  /** `address` is that of the user's request, if there is one. */
  readonly onErased: (userId: number, address: string | null) => void
  /** Called with the signed receipt, which a restored backup needs to erase the user again. */
  readonly onReceipt: (receipt: string) => void
  readonly receipts: Receipts
  /** The last row of the audit trail. The receipt names it, so its removal can be detected. */
  readonly trailHead: () => { readonly chain: string; readonly place: number; readonly hash: string }
}

/** Sessions deleted by one statement, well within its deadline. */
const BATCH_SIZE = 50
/** Bounds the erasure of a user who keeps starting sessions. */
const MAX_BATCHES = 10_000

/** Erasure of a user: ends live sessions, deletes all rows and the user's data key. */
export function createErasure(dependencies: Dependencies) {
  const { orm, repository, sessions } = dependencies

  const eraseAll = async ({ userId }: User, address: string | null) => {
    const erased = await repository.count(orm, userId)
    await sessions.endOfUser(userId, 'account_deleted')
    await dependencies.logOutEverywhere({ userId })
    await removeAll({
      remove: (limit) => sessions.deleteOfUser(userId, limit),
      batch: BATCH_SIZE,
      maxTries: MAX_BATCHES,
      isTooLarge: isTimedOut,
    })
    // Before the key is deleted, for the last row about the user in the trail.
    const subject = await dependencies.pseudonymOf(userId)
    const isErased = await commitDurably(orm, (tx) => repository.deleteUser(tx, userId))
    if (!isErased) throw new AppError('UNAUTHORIZED')
    dependencies.onErased(userId, address)
    dependencies.forgetKey(userId)
    const erasedAt = Date.now()
    const content = {
      iss: 'maeum',
      jti: randomBytes(16).toString('base64url'),
      iat: Math.floor(erasedAt / 1000),
      sub: subject ?? null,
      event: 'account_erased',
      erased,
      trail: dependencies.trailHead(),
    }
    const receipt = dependencies.receipts.sign(content)
    dependencies.onReceipt(receipt)
    return { erasedAt, erased, receipt, publicKey: dependencies.receipts.publicKey }
  }

  return {
    /**
     * Resolves with a signed receipt when all data of the user is deleted.
     * @throws INVALID_CREDENTIALS, TOO_MANY_ATTEMPTS, UNAUTHORIZED when the user was deleted meanwhile
     */
    async erase(user: User, password: string, address: string) {
      await dependencies.proveOwner(user.userId, password)
      return eraseAll(user, address)
    },

    /**
     * The same for the operator, without the user's password.
     * @throws UNAUTHORIZED when the user was deleted meanwhile
     */
    eraseByOperator: (userId: number) => eraseAll({ userId }, null),
  }
}

export type Erasure = ReturnType<typeof createErasure>
