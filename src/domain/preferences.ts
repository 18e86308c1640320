import { LANGUAGES, type Language } from './language.ts'

export const FONT_SCALES = ['sm', 'md', 'lg', 'xl'] as const
export const TIME_ZONE_SOURCES = ['browser', 'person'] as const
export const LAYOUT_DENSITIES = ['compact', 'spacious'] as const

/** What a person may set about the application. A client may keep further keys of its own beside these. */
export type Preferences = {
  readonly fontScale: (typeof FONT_SCALES)[number]
  readonly layoutDensity: (typeof LAYOUT_DENSITIES)[number]
  readonly language: Language
  readonly notificationsOptIn: boolean
  /** IANA name; says when the person's day begins. */
  readonly timezone: string
  /** By whom it was set: taken from a browser, it follows the browser. */
  readonly timezoneSource: (typeof TIME_ZONE_SOURCES)[number]
}

/** What holds for guests, and for whatever a person has not set. */
export const DEFAULT_PREFERENCES: Preferences = {
  fontScale: 'md',
  layoutDensity: 'spacious',
  language: LANGUAGES[0],
  notificationsOptIn: false,
  timezone: 'Asia/Seoul',
  timezoneSource: 'browser',
}
