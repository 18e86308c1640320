import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** What a refresh token names: a device family and the value its counter had when the token was issued. */
export type RefreshToken = { readonly familyId: string; readonly counter: number }

const FORM = /^mrt\.([\w-]{16,64})\.([1-9]\d{0,9})\.([\w-]{43})$/

/**
 * Refresh tokens are nothing but family, counter and an HMAC-SHA-256 over both, so the current one can be written again
 * at any time and none is stored. The key is derived from the server's secret, apart from the one that signs access tokens.
 */
export function createRefreshTokens(secret: string) {
  const key = Buffer.from(hkdfSync('sha256', secret, '', 'maeum refresh token', 32))
  const seal = (familyId: string, counter: number) =>
    createHmac('sha256', key).update(`${familyId}.${counter}`).digest()

  return {
    write: ({ familyId, counter }: RefreshToken): string =>
      `mrt.${familyId}.${counter}.${seal(familyId, counter).toString('base64url')}`,

    /** The token's content, or undefined when we did not write it. */
    read(text: string): RefreshToken | undefined {
      const [, familyId, digits, mac] = FORM.exec(text) ?? []
      if (familyId === undefined || digits === undefined || mac === undefined) return undefined
      const counter = Number(digits)
      const sent = Buffer.from(mac, 'base64url')
      const wanted = seal(familyId, counter)
      if (sent.length !== wanted.length || !timingSafeEqual(sent, wanted)) return undefined
      return { familyId, counter }
    },
  }
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>
