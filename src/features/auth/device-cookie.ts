import { randomBytes } from 'node:crypto'

/**
 * What a browser that has logged in to an account carries from then on: it proves an earlier login, opens nothing, and
 * keeps strangers' guesses from slowing this browser down. After OWASP, "Slow Down Online Guessing Attacks with Device
 * Cookies". It travels signed.
 */
export type Device = { readonly userId: number; readonly nonce: string }

export const DEVICE_COOKIE = 'maeum_device'
export const DEVICE_COOKIE_DAYS = 180

const FORM = /^([1-9]\d{0,15})\.([\w-]{16})\.(\d{1,12})$/
const DAY_MS = 86_400_000

export const newDevice = (userId: number): Device => ({
  userId,
  nonce: randomBytes(12).toString('base64url'),
})

export const writeDevice = ({ userId, nonce }: Device, now: number): string =>
  `${userId}.${nonce}.${Math.floor(now / DAY_MS)}`

/** The device of a cookie whose signature was good; null when it is no device or too old. `now` in ms. */
export function readDevice(text: string, now: number): Device | null {
  const [, userId, nonce, day] = FORM.exec(text) ?? []
  if (userId === undefined || nonce === undefined || day === undefined) return null
  if (now / DAY_MS - Number(day) > DEVICE_COOKIE_DAYS) return null
  return { userId: Number(userId), nonce }
}
