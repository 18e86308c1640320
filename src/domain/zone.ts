import { isTimeZone } from './day.ts'
import type { Language } from './language.ts'
import { DEFAULT_PREFERENCES } from './preferences.ts'

/** The user's time zone from the stored preference, with the default for missing or invalid values. */
export const resolveTimeZone = (stored: unknown): string =>
  typeof stored === 'string' && isTimeZone(stored) ? stored : DEFAULT_PREFERENCES.timezone

type Clock = {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
}

/*
 * Only numbers are taken from the locale data, which changes between releases of the runtime: the texts are built here, so
 * that the same moment is always formatted the same way.
 */
function getClock(zone: string, at: number): Clock {
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
  const getPart = (type: Intl.DateTimeFormatPartTypes) =>
    Number(parts.find((part) => part.type === type)?.value ?? 0)
  return {
    year: getPart('year'),
    month: getPart('month'),
    day: getPart('day'),
    hour: getPart('hour'),
    minute: getPart('minute'),
  }
}

const padTwo = (value: number): string => String(value).padStart(2, '0')

/** Formats the date at `at` (ms since the epoch) in the time zone: `2026-03-02`. */
export function formatDate(zone: string, at: number): string {
  const { year, month, day } = getClock(zone, at)
  return `${year}-${padTwo(month)}-${padTwo(day)}`
}

/** `KST`, or the difference from UTC at that moment: `UTC`, `UTC-8`, `UTC+5:30`. */
function getZoneName(zone: string, at: number, { year, month, day, hour, minute }: Clock): string {
  if (zone === 'Asia/Seoul') return 'KST'
  const ahead = Math.round((Date.UTC(year, month - 1, day, hour, minute) - at) / 60_000)
  if (ahead === 0) return 'UTC'
  const [hours, minutes] = [Math.floor(Math.abs(ahead) / 60), Math.abs(ahead) % 60]
  return `UTC${ahead < 0 ? '-' : '+'}${hours}${minutes === 0 ? '' : `:${padTwo(minutes)}`}`
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

/** Formats a time: `2026년 3월 2일 09:05 (KST)`, `1 March 2026, 16:05 (UTC-8)`. */
export function formatTime(zone: string, at: number, language: Language): string {
  const clock = getClock(zone, at)
  const { year, month, day, hour, minute } = clock
  const time = `${padTwo(hour)}:${padTwo(minute)} (${getZoneName(zone, at, clock)})`
  const texts = {
    ko: `${year}년 ${month}월 ${day}일 ${time}`,
    en: `${day} ${MONTHS[month - 1] ?? ''} ${year}, ${time}`,
  }
  return texts[language]
}
