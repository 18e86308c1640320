import { globals, type StorageLike, sharedStorage } from './environment.ts'
import { MaeumError } from './error.ts'

export type Tokens = { readonly accessToken: string; readonly refreshToken: string }

/** Storage of the tokens. All tabs of a login must share it. */
export type TokenStore = {
  get(): Tokens | null | Promise<Tokens | null>
  set(tokens: Tokens | null): void | Promise<void>
}

/** For Node, a worker, or a page that must not store the login. */
export function memoryTokens(tokens: Tokens | null = null): TokenStore {
  let kept = tokens
  return {
    get: () => kept,
    set: (next) => {
      kept = next
    },
  }
}

/** Stores tokens in the storage shared by all tabs of a site; every script of the site can read them. */
export function storedTokens(storage: StorageLike, key = 'maeum.tokens'): TokenStore {
  return {
    get: () => readTokens(storage.getItem(key)),
    set: (tokens) => {
      if (tokens === null) storage.removeItem(key)
      else storage.setItem(key, JSON.stringify(tokens))
    },
  }
}

/** In a page: local storage, else memory. In a worker: memory. On a server: none. */
export function defaultTokens(): TokenStore {
  if (globals.location === undefined) return noTokens
  const storage = sharedStorage()
  return storage === undefined ? memoryTokens() : storedTokens(storage)
}

/** A client on a server may render for many users: a default store would share one login among them. */
const noTokens: TokenStore = {
  get: () => null,
  set: (pair) => {
    if (pair !== null)
      throw new MaeumError('BAD_OPTIONS', 'not in a page: pass `tokens`, one store per login')
  },
}

/** Anything but a pair of tokens counts as none. */
function readTokens(text: string | null): Tokens | null {
  try {
    return parseTokens(JSON.parse(text ?? 'null'))
  } catch {
    return null
  }
}

/** Picks the pair of tokens from `value`; null when it has none. */
export function parseTokens(value: unknown): Tokens | null {
  const { accessToken, refreshToken } = Object(value ?? {}) as Partial<Tokens>
  if (typeof accessToken !== 'string' || typeof refreshToken !== 'string') return null
  return { accessToken, refreshToken }
}

/** Whether both belong to one account. A token that cannot be parsed matches every account. */
export function isSameAccount(a: Tokens, b: Tokens): boolean {
  const [first, second] = [readSubject(a), readSubject(b)]
  return first === undefined || second === undefined || first === second
}

function readSubject({ accessToken }: Tokens): unknown {
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
