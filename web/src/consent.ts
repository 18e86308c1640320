import type { Client } from '../../client/index.ts'
import { MaeumError } from '../../client/index.ts'
import { EXPRESSION_READING } from '../../src/domain/consent.ts'
import { language } from './words/language.ts'

/** The text of `pages/consent.ts`; a new text needs a new consent. */
const TEXT_VERSION = '2026-11-23'

/** `missing`: the person may go on without; `required`: this server reads no face without it. */
export type ConsentState = 'given' | 'missing' | 'required'

export async function consentState(client: Client): Promise<ConsentState> {
  try {
    const { required, consents } = await client.call('GET /api/user/consent')
    const isGiven = consents.some(
      ({ purpose, textVersion, withdrawnAt }) =>
        purpose === EXPRESSION_READING && textVersion === TEXT_VERSION && withdrawnAt === null,
    )
    if (isGiven) return 'given'
    return required ? 'required' : 'missing'
  } catch (error) {
    if (error instanceof MaeumError && error.status === 404) return 'given' // a server that keeps no consents
    throw error
  }
}

export async function giveConsent(client: Client): Promise<void> {
  const body = { purpose: EXPRESSION_READING, textVersion: TEXT_VERSION, locale: language() }
  await client.call('POST /api/user/consent', { body })
}

export async function withdrawConsent(client: Client): Promise<void> {
  await client.call('DELETE /api/user/consent', { body: { purpose: EXPRESSION_READING } })
}
