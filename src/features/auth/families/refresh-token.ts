import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** The content of a refresh token: a device family and the value of its counter when the token was issued. */
export type RefreshToken = { readonly familyId: string; readonly counter: number }

const PATTERN = /^mrt\.([\w-]{16,64})\.([1-9]\d{0,9})\.([\w-]{43})$/

/**
 * A refresh token consists of family, counter and an HMAC-SHA-256 over both. The current one can be created again at
 * any time, so none is stored. The keys are derived from the server's secrets, separately from those for access tokens:
 * the first one signs, all of them verify.
 */
export function createRefreshTokens(secrets: readonly string[]) {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'maeum refresh token', 32)))
  const [current] = keys
  if (current === undefined) throw new Error('refresh tokens need a secret')
  const seal = (key: Buffer, familyId: string, counter: number) =>
    createHmac('sha256', key).update(`${familyId}.${counter}`).digest()

  return {
    write: ({ familyId, counter }: RefreshToken): string =>
      `mrt.${familyId}.${counter}.${seal(current, familyId, counter).toString('base64url')}`,

    /** The token's content; undefined if this server did not issue it. */
    read(text: string): RefreshToken | undefined {
      const [, familyId, digits, mac] = PATTERN.exec(text) ?? []
      if (familyId === undefined || digits === undefined || mac === undefined) return undefined
      const counter = Number(digits)
      const sent = Buffer.from(mac, 'base64url')
      const isOurs = keys.some((key) => {
        const expected = seal(key, familyId, counter)
        return sent.length === expected.length && timingSafeEqual(sent, expected)
      })
      return isOurs ? { familyId, counter } : undefined
    },
  }
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>
