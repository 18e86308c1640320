import { randomBytes } from 'node:crypto'

/**
 * The content of the signed cookie that a browser gets at login. It proves an earlier login and gives no access. With
 * it, guesses of other clients do not delay logins from this browser. See OWASP, "Slow Down Online Guessing Attacks
 * with Device Cookies".
 */
export type Device = { readonly userId: number; readonly nonce: string }

export const DEVICE_COOKIE = 'maeum_device'
export const DEVICE_COOKIE_DAYS = 180

const PATTERN = /^([1-9]\d{0,15})\.([\w-]{16})\.(\d{1,12})$/
const DAY_MS = 86_400_000

export const createDevice = (userId: number): Device => ({
  userId,
  nonce: randomBytes(12).toString('base64url'),
})

export const formatDevice = ({ userId, nonce }: Device, now: number): string =>
  `${userId}.${nonce}.${Math.floor(now / DAY_MS)}`

/** The device in a cookie with a valid signature; null if it is malformed or too old. `now` in ms. */
export function parseDevice(text: string, now: number): Device | null {
  const [, userId, nonce, day] = PATTERN.exec(text) ?? []
  if (userId === undefined || nonce === undefined || day === undefined) return null
  if (now / DAY_MS - Number(day) > DEVICE_COOKIE_DAYS) return null
  return { userId: Number(userId), nonce }
}
