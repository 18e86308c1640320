import { globals, type StorageLike, sharedStorage } from './environment.ts'
import { MaeumError } from './error.ts'

export type Tokens = { readonly accessToken: string; readonly refreshToken: string }

/** Where the tokens of the one who is logged in are kept. All tabs of a login must see the same. */
export type TokenStore = {
  get(): Tokens | null | Promise<Tokens | null>
  set(tokens: Tokens | null): void | Promise<void>
}

/** For Node, a worker, or a page that would rather ask again than leave anything behind. */
export function memoryTokens(tokens: Tokens | null = null): TokenStore {
  let kept = tokens
  return {
    get: () => kept,
    set: (next) => {
      kept = next
    },
  }
}

/** Kept in the storage that all tabs of a site share; whatever runs on the site can read them. */
export function storedTokens(storage: StorageLike, key = 'maeum.tokens'): TokenStore {
  return {
    get: () => readTokens(storage.getItem(key)),
    set: (tokens) => {
      if (tokens === null) storage.removeItem(key)
      else storage.setItem(key, JSON.stringify(tokens))
    },
  }
}

/** In a page, the storage of its site, else memory; in a worker, memory; on a server, none. */
export function defaultTokens(): TokenStore {
  if (globals.location === undefined) return noTokens
  const storage = sharedStorage()
  return storage === undefined ? memoryTokens() : storedTokens(storage)
}

/** A client on a server may render for many people: it keeps no login that all of them would share. */
const noTokens: TokenStore = {
  get: () => null,
  set: (pair) => {
    if (pair !== null)
      throw new MaeumError('BAD_OPTIONS', 'this is no page: pass `tokens`, a store for each login')
  },
}

/** Storage may hold anything: what is no pair of tokens counts as none. */
function readTokens(text: string | null): Tokens | null {
  try {
    return pairOf(JSON.parse(text ?? 'null'))
  } catch {
    return null
  }
}

/** The pair in `value`, and nothing else of it; null when there is none. */
export function pairOf(value: unknown): Tokens | null {
  const { accessToken, refreshToken } = Object(value ?? {}) as Partial<Tokens>
  if (typeof accessToken !== 'string' || typeof refreshToken !== 'string') return null
  return { accessToken, refreshToken }
}

/** Whether both belong to one account. A token that cannot be read counts as anybody's. */
export function isSameAccount(a: Tokens, b: Tokens): boolean {
  const [one, other] = [subjectOf(a), subjectOf(b)]
  return one === undefined || other === undefined || one === other
}

function subjectOf({ accessToken }: Tokens): unknown {
  try {
    const [, payload = ''] = accessToken.split('.')
    const claims = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))) as {
      readonly sub?: unknown
    }
    return claims.sub
  } catch {
    return undefined
  }
}
