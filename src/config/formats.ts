import { isIP } from 'node:net'
import { parseDatabaseUrl } from '../db/url.ts'

/**
 * Formats of single variables. A check returns the problem, or undefined when the text is valid; a parser takes valid
 * text.
 */

export const splitList = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')

const MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
export const parseDuration = (text: string) => Number(text.slice(0, -1)) * (MS[text.slice(-1)] ?? 0)

export function checkDatabaseUrl(url: string | undefined): string | undefined {
  if (url === undefined) return undefined
  try {
    parseDatabaseUrl(url)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'must be a Postgres URL'
  }
}

export function checkHttpUrl(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  return /^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : '')
    ? undefined
    : 'must be an http(s) URL'
}

/** Removes the trailing slash, because paths are appended. */
export function normalizeUrl(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`.replace(/\/+$/, '')
}

/** Origin of a page, optionally with a wildcard in one label. */
const WEB_ORIGIN = /^https?:\/\/[^\s/?#@*]*\*?[^\s/?#@*]*$/i
/** Origin of an app with its own scheme, such as `capacitor://localhost`. */
const APP_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*]+$/i

/** Schemes that are invalid for an app origin. */
const NETWORK_SCHEME = /^(https?|wss?|ftp|file):/i

export const checkOrigin = (origin: string): string | undefined =>
  (WEB_ORIGIN.test(origin) && URL.canParse(origin.replace('*', 'x'))) ||
  (APP_ORIGIN.test(origin) && !NETWORK_SCHEME.test(origin))
    ? undefined
    : 'must be origins such as scheme://host:port, without a path'

/**
 * Normalizes an origin as browsers send it: lower case, no default port. App schemes are not parsed: `URL` returns the
 * origin `null` for them, which is also the origin of every sandboxed page.
 */
export const normalizeOrigin = (origin: string) =>
  origin.includes('*') || !/^https?:/i.test(origin) ? origin.toLowerCase() : new URL(origin).origin

export const checkTrustProxy = (text: string): string | undefined =>
  /^(true|false|\d{1,2})$/i.test(text) ||
  (splitList(text).length > 0 && splitList(text).every(isAddressBlock))
    ? undefined
    : 'must be true, false, a number of hops or a list of CIDR blocks'

function isAddressBlock(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const family = isIP(address)
  if (family === 0 || more.length > 0) return false
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}

type TrustedProxies = false | string[] | ((address: string, hop: number) => boolean)

const trustedHops = (hops: number) => (_address: string, hop: number) => hop < hops

export function parseTrustProxy(text: string): TrustedProxies {
  if (/^(false|0)$/i.test(text)) return false
  if (/^true$/i.test(text)) return trustedHops(1)
  return /^\d+$/.test(text) ? trustedHops(Number(text)) : splitList(text)
}

const THINKING = /^([^=\s]+)=(minimal|low|medium|high|none|\d{1,5})$/

export const checkThinking = (text: string | undefined): string | undefined =>
  splitList(text).every((item) => THINKING.test(item))
    ? undefined
    : 'must be a comma-separated list of model=minimal, low, medium, high, none or a number of tokens'

export const parseThinking = (text: string | undefined) =>
  splitList(text).map((item): [model: string, setting: string] => {
    const [, model = '', setting = ''] = THINKING.exec(item) ?? []
    return [model, setting]
  })

const PRICE = /^([^=\s]+)=(\d{1,6}(?:\.\d{1,6})?)\/(\d{1,6}(?:\.\d{1,6})?)$/

export const checkPrice = (price: string): string | undefined =>
  PRICE.test(price)
    ? undefined
    : 'must be a comma-separated list of model=prompt/answer, in US dollars per million tokens'

/** Prices by model, in US dollars per million tokens. */
export const parsePrices = (text: string) =>
  splitList(text).flatMap((price): [string, { prompt: number; answer: number }][] => {
    const [, model, prompt, answer] = PRICE.exec(price) ?? []
    return model === undefined ? [] : [[model, { prompt: Number(prompt), answer: Number(answer) }]]
  })

/** A name, an equals sign and a phone number. */
const CRISIS_LINE = /^([^=]{1,60})=\s*(\+?[\d -]{2,20})$/

export const checkCrisisLines = (text: string | undefined): string | undefined =>
  splitList(text).every((line) => CRISIS_LINE.test(line))
    ? undefined
    : 'must be a comma-separated list of name=number'

export function parseCrisisLine(text: string): { readonly name: string; readonly number: string } {
  const [, name = '', number = ''] = CRISIS_LINE.exec(text) ?? []
  return { name: name.trim(), number: number.trim() }
}
