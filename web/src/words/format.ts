import { EMOTION_NAMES, type Emotion } from '../../../src/domain/emotion.ts'
import { language, t } from './language.ts'

export function emotionName(emotion: Emotion): string {
  const name = EMOTION_NAMES[emotion][language()]
  return name.charAt(0).toUpperCase() + name.slice(1)
}

export const percent = (ratio: number): string => `${Math.round(ratio * 100)}%`

/** Formats -1 to 1 with an explicit sign. */
export const signed = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`

/** The user's time zone, once loaded: all times are shown in it, as in the reports. */
let timeZone: string | undefined

export const setTimeZone = (zone: string): void => {
  timeZone = zone
}

export const dateTime = (at: number | string): string =>
  new Intl.DateTimeFormat(language(), {
    dateStyle: 'medium',
    timeStyle: 'short',
    hourCycle: 'h23',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(new Date(at))

/** Minutes and seconds, such as `1:05`. */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 60
    ? t('seconds', { n: seconds })
    : t('minutesSeconds', { m: Math.floor(seconds / 60), s: seconds % 60 })
}
