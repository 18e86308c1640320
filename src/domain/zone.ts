import { isTimeZone } from './day.ts'
import type { Language } from './language.ts'
import { DEFAULT_PREFERENCES } from './preferences.ts'

/** Where a person lives, by what is stored of it: the one zone in which the times of their day are told. */
export const zoneOf = (stored: unknown): string =>
  typeof stored === 'string' && isTimeZone(stored) ? stored : DEFAULT_PREFERENCES.timezone

type Clock = {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
}

/*
 * Only numbers are taken from the locale data, which is another with each release of the runtime: the words are ours, so
 * that the same moment is always told in the same letters.
 */
function clockIn(zone: string, at: number): Clock {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  }).formatToParts(at)
  const numberOf = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((part) => part.type === type)?.value ?? 0)
  return {
    year: numberOf('year'),
    month: numberOf('month'),
    day: numberOf('day'),
    hour: numberOf('hour'),
    minute: numberOf('minute'),
  }
}

const two = (value: number): string => String(value).padStart(2, '0')

/** `2026-03-02`, the date at `at` (ms since the epoch) where the person lives. */
export function dateIn(zone: string, at: number): string {
  const { year, month, day } = clockIn(zone, at)
  return `${year}-${two(month)}-${two(day)}`
}

/** `KST`, or the difference from UTC at that moment: `UTC`, `UTC-8`, `UTC+5:30`. */
function nameOf(zone: string, at: number, { year, month, day, hour, minute }: Clock): string {
  if (zone === 'Asia/Seoul') return 'KST'
  const ahead = Math.round((Date.UTC(year, month - 1, day, hour, minute) - at) / 60_000)
  if (ahead === 0) return 'UTC'
  const [hours, minutes] = [Math.floor(Math.abs(ahead) / 60), Math.abs(ahead) % 60]
  return `UTC${ahead < 0 ? '-' : '+'}${hours}${minutes === 0 ? '' : `:${two(minutes)}`}`
}

const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
]

/** `2026년 3월 2일 09:05 (KST)`, `1 March 2026, 16:05 (UTC-8)`. */
export function timeIn(zone: string, at: number, language: Language): string {
  const clock = clockIn(zone, at)
  const { year, month, day, hour, minute } = clock
  const time = `${two(hour)}:${two(minute)} (${nameOf(zone, at, clock)})`
  const texts = {
    ko: `${year}년 ${month}월 ${day}일 ${time}`,
    en: `${day} ${MONTHS[month - 1] ?? ''} ${year}, ${time}`,
  }
  return texts[language]
}
