import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto'

/** What a refresh token names: a device family and the value its counter had when the token was issued. */
export type RefreshToken = { readonly familyId: string; readonly counter: number }

const FORM = /^mrt\.([\w-]{16,64})\.([1-9]\d{0,9})\.([\w-]{43})$/

/**
 * Refresh tokens are nothing but family, counter and an HMAC-SHA-256 over both, so the current one can be written again
 * at any time and none is stored. The keys are derived from the server's secrets, apart from those that sign access
 * tokens: the first writes, all of them read.
 */
export function createRefreshTokens(secrets: readonly string[]) {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', 'maeum refresh token', 32)))
  const [present] = keys
  if (present === undefined) throw new Error('refresh tokens need a secret')
  const seal = (key: Buffer, familyId: string, counter: number) =>
    createHmac('sha256', key).update(`${familyId}.${counter}`).digest()

  return {
    write: ({ familyId, counter }: RefreshToken): string =>
      `mrt.${familyId}.${counter}.${seal(present, familyId, counter).toString('base64url')}`,

    /** The token's content, or undefined when we did not write it. */
    read(text: string): RefreshToken | undefined {
      const [, familyId, digits, mac] = FORM.exec(text) ?? []
      if (familyId === undefined || digits === undefined || mac === undefined) return undefined
      const counter = Number(digits)
      const sent = Buffer.from(mac, 'base64url')
      const isOurs = keys.some((key) => {
        const wanted = seal(key, familyId, counter)
        return sent.length === wanted.length && timingSafeEqual(sent, wanted)
      })
      return isOurs ? { familyId, counter } : undefined
    },
  }
}

export type RefreshTokens = ReturnType<typeof createRefreshTokens>
