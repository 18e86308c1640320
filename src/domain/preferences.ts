import { LANGUAGES, type Language } from './language.ts'

export const FONT_SCALES = ['sm', 'md', 'lg', 'xl'] as const
export const TIME_ZONE_SOURCES = ['browser', 'person'] as const
export const LAYOUT_DENSITIES = ['compact', 'spacious'] as const

/** User preferences. A client may store further keys of its own. */
export type Preferences = {
  readonly fontScale: (typeof FONT_SCALES)[number]
  readonly layoutDensity: (typeof LAYOUT_DENSITIES)[number]
  readonly language: Language
  readonly notificationsOptIn: boolean
  /** IANA name of the user's time zone. */
  readonly timezone: string
  /** Source of the time zone: with `browser` it follows the browser. */
  readonly timezoneSource: (typeof TIME_ZONE_SOURCES)[number]
}

/** Defaults for unauthenticated callers and for unset preferences. */
export const DEFAULT_PREFERENCES: Preferences = {
  fontScale: 'md',
  layoutDensity: 'spacious',
  language: LANGUAGES[0],
  notificationsOptIn: false,
  timezone: 'Asia/Seoul',
  timezoneSource: 'browser',
}
