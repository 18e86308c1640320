import { Type } from 'typebox'
import { isTimeZone } from '../../domain/day.ts'
import { LANGUAGES } from '../../domain/language.ts'
import {
  DEFAULT_PREFERENCES,
  FONT_SCALES,
  LAYOUT_DENSITIES,
  TIME_ZONE_SOURCES,
} from '../../domain/preferences.ts'
import { Success } from '../envelope.ts'

const TimeZone = Type.Refine(
  Type.String({
    minLength: 1,
    maxLength: 64,
    description: "IANA name of the user's time zone.",
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
    description: 'Whether the time zone was taken from the browser or chosen by the user.',
  }),
}

/**
 * Unknown keys belong to the client and are stored unchanged. In a body with every key of `WHOLE`, which is a copy of a
 * complete response, the time zone is ignored.
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
