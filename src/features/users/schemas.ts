import { Type } from 'typebox'
import { isTimeZone } from '../../domain/day.ts'
import { LANGUAGES } from '../../domain/language.ts'
import {
  DEFAULT_PREFERENCES,
  FONT_SCALES,
  LAYOUT_DENSITIES,
  TIME_ZONE_SOURCES,
} from '../../domain/preferences.ts'
import { Success } from '../../plugins/envelope.ts'

const TimeZone = Type.Refine(
  Type.String({
    minLength: 1,
    maxLength: 64,
    description: "IANA name of the time zone in which the person's day begins.",
    examples: ['Asia/Seoul'],
  }),
  isTimeZone,
)

const KNOWN = {
  fontScale: Type.Enum([...FONT_SCALES]),
  layoutDensity: Type.Enum([...LAYOUT_DENSITIES]),
  language: Type.Enum([...LANGUAGES]),
  notificationsOptIn: Type.Boolean(),
  timezone: TimeZone,
  timezoneSource: Type.Enum([...TIME_ZONE_SOURCES], {
    description: 'Whether a client has taken the time zone from its browser, or the person has chosen it.',
  }),
}

/**
 * Keys that are not known here belong to the client and are kept as they are. Of a body with every key of `WHOLE`, which is
 * somebody's copy of everything, the time zone is ignored.
 */
export const PreferencesBody = Type.Object({
  preferences: Type.Partial(Type.Object(KNOWN), {
    additionalProperties: true,
    examples: [{ fontScale: 'lg', notificationsOptIn: true }],
  }),
})

export const PreferencesResponse = Success(
  Type.Object(KNOWN, { additionalProperties: true, examples: [DEFAULT_PREFERENCES] }),
)
