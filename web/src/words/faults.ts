import { ERROR_CODES, errorMessage } from '../../../src/errors.ts'
import { language, t, type Word } from './language.ts'

/** What the client and the console say of themselves. */
const OWN: Readonly<Record<string, Word>> = {
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

/** What went wrong, in the language of the page, in which not everything that is told was said; `said` where the code is new. */
export function faultOf(code: string, said: string): string {
  const own = OWN[code]
  if (own !== undefined) return t(own)
  const known = ERROR_CODES.find((one) => one === code)
  return known === undefined ? said : errorMessage(known, language())
}
