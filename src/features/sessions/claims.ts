import type { Claimed, Progress } from './lease-repository.ts'

export type ClaimedSession = Claimed & { readonly progress: Progress }

export type ClaimOptions = {
  /** Not while another instance serves it. */
  readonly onlyFree: boolean
  /** Is asked about the session's user before the claim; what it throws is what becomes of the claim. */
  readonly admit?: ((userId: number) => void) | undefined
}

type Dependencies = {
  /** Whose sessions they are; without those that are unknown or have ended. */
  readonly usersOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, number>>
  /** Claims those that nobody else has locked; `undefined` for one that was passed over. */
  readonly claim: (ids: readonly string[]) => Promise<ReadonlyMap<string, Claimed | undefined>>
  /** Claims one, and waits for its row. */
  readonly claimPatiently: (
    id: string,
    onlyFree: boolean,
  ) => Promise<ReadonlyMap<string, Claimed | undefined>>
  readonly progressOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, Progress>>
}

/** How long the first of a batch waits for others: nobody notices it, and after a restart everyone comes at once. */
const GATHER_MS = 5
/** As many as share a statement. */
const BATCH = 500

const NOTHING_STORED: Progress = { lastWindow: 0, hasUndelivered: false }

type Waiting = {
  readonly id: string
  readonly admit: ClaimOptions['admit']
  readonly resolve: (claimed: ClaimedSession | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Claims that arrive together share three statements; a row that somebody has locked holds up its own claim alone. */
export function createClaims({ usersOf, claim, claimPatiently, progressOf }: Dependencies) {
  const waiting: Waiting[] = []

  /** Those who may claim; the others are told why not. A session that is unknown here is so to the claim as well. */
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
