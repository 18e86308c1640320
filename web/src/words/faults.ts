import { ERROR_CODES, errorMessage } from '../../../src/protocol/errors.ts'
import { language, t, type TextKey } from './language.ts'

/** Texts for the error codes of the client library and the console. */
const CLIENT_ERRORS: Readonly<Record<string, TextKey>> = {
  NETWORK: 'unreachable',
  TIMEOUT: 'tookTooLong',
  BAD_ANSWER: 'unreadable',
  BAD_MESSAGE: 'unreadable',
  SIGNED_OUT: 'signedOut',
  CONNECTION_LOST: 'connectionLost',
  DOWNLOAD_FAILED: 'downloadFailed',
  BAD_OPTIONS: 'failed',
  UNKNOWN: 'failed',
}

/** The text for an error code in the language of the page; `fallback` for an unknown code. */
export function getErrorText(code: string, fallback: string): string {
  const key = CLIENT_ERRORS[code]
  if (key !== undefined) return t(key)
  const known = ERROR_CODES.find((one) => one === code)
  return known === undefined ? fallback : errorMessage(known, language())
}
