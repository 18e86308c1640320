import type { Claimed, Progress } from './repository.ts'

export type ClaimedSession = Claimed & { readonly progress: Progress }

export type ClaimOptions = {
  /** Not while another instance serves it. */
  readonly onlyFree: boolean
  /** Called with the session's user before the claim; the claim rejects with what it throws. */
  readonly admit?: ((userId: number) => void) | undefined
}

type Dependencies = {
  /** The users of the sessions; without sessions that are unknown or have ended. */
  readonly usersOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>
  /** Claims those whose rows are not locked; `undefined` for one that was skipped. */
  readonly claim: (ids: readonly string[]) => Promise<ReadonlyMap<string, Claimed | undefined>>
  /** Claims one, and waits for its row. */
  readonly claimPatiently: (
    id: string,
    onlyFree: boolean,
  ) => Promise<ReadonlyMap<string, Claimed | undefined>>
  readonly progressOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, Progress>>
}

/** How long the first claim of a batch waits for others: after a restart all clients reconnect at once. */
const GATHER_MS = 5
/** Claims that share a statement. */
const BATCH = 500

const NOTHING_STORED: Progress = { lastWindow: 0, hasUndelivered: false }

type Waiting = {
  readonly id: string
  readonly admit: ClaimOptions['admit']
  readonly resolve: (claimed: ClaimedSession | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Claims that arrive together share three statements; a locked row delays its own claim alone. */
export function createClaims({ usersOf, claim, claimPatiently, progressOf }: Dependencies) {
  const waiting: Waiting[] = []

  /** Rejects the claims whose users are not admitted and returns the others. */
  const admitted = async (batch: readonly Waiting[]): Promise<readonly Waiting[]> => {
    const users = await usersOf([...new Set(batch.map(({ id }) => id))])
    return batch.filter(({ id, admit, reject }) => {
      const userId = users.get(id)
      if (userId === undefined) return true
      try {
        admit?.(userId)
        return true
      } catch (error) {
        reject(error)
        return false
      }
    })
  }

  const claimAll = async (all: readonly Waiting[]): Promise<void> => {
    const batch = await admitted(all)
    if (batch.length === 0) return
    const ids = [...new Set(batch.map(({ id }) => id))]
    const claimed = await claim(ids)
    const got = ids.filter((id) => claimed.get(id) !== undefined)
    const progress = got.length === 0 ? new Map<string, Progress>() : await progressOf(got)
    for (const { id, resolve, reject } of batch) {
      const mine = claimed.get(id)
      if (mine !== undefined) resolve({ ...mine, progress: progress.get(id) ?? NOTHING_STORED })
      else if (claimed.has(id)) alone(id, false).then(resolve, reject)
      else resolve(undefined)
    }
  }

  const alone = async (id: string, onlyFree: boolean): Promise<ClaimedSession | undefined> => {
    const mine = (await claimPatiently(id, onlyFree)).get(id)
    if (mine === undefined) return undefined
    return { ...mine, progress: (await progressOf([id])).get(id) ?? NOTHING_STORED }
  }

  const flush = (): void => {
    for (let batch = waiting.splice(0, BATCH); batch.length > 0; batch = waiting.splice(0, BATCH)) {
      const mine = batch
      claimAll(mine).catch((error: unknown) => {
        for (const { reject } of mine) reject(error)
      })
    }
  }

  const together = (id: string, admit: ClaimOptions['admit']): Promise<ClaimedSession | undefined> =>
    new Promise((resolve, reject) => {
      if (waiting.push({ id, admit, resolve, reject }) === 1) setTimeout(flush, GATHER_MS)
    })

  /** Undefined when the session is unknown or has ended, or, with `onlyFree`, while another instance serves it. */
  return (id: string, { onlyFree, admit }: ClaimOptions): Promise<ClaimedSession | undefined> =>
    onlyFree ? alone(id, true) : together(id, admit)
}
