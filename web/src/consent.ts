import type { Client } from '../../client/index.ts'
import { MaeumError } from '../../client/index.ts'
import { CARRY_BASELINE, EXPRESSION_READING } from '../../src/domain/consent.ts'
import { language } from './words/language.ts'

/** Version of the text in `pages/consent.ts`; a new text needs a new consent. */
const TEXT_VERSION = '2026-11-30'

/** `missing`: the user may continue without consent; `required`: the server analyses no face without it. */
export type ConsentState = 'given' | 'missing' | 'required'

export async function getConsentState(client: Client): Promise<ConsentState> {
  try {
    const { required, consents } = await client.call('GET /api/user/consent')
    const isGiven = consents.some(
      ({ purpose, textVersion, withdrawnAt }) =>
        purpose === EXPRESSION_READING && textVersion === TEXT_VERSION && withdrawnAt === null,
    )
    if (isGiven) return 'given'
    return required ? 'required' : 'missing'
  } catch (error) {
    if (error instanceof MaeumError && error.status === 404) return 'given' // a server without the consent routes
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

/** Version of the text next to the switch in the settings. */
const CARRY_TEXT_VERSION = '2026-11-30'

/** Whether the user's neutral face is kept between sessions. */
export async function isBaselineKept(client: Client): Promise<boolean> {
  const { consents } = await client.call('GET /api/user/consent')
  return consents.some(({ purpose, withdrawnAt }) => purpose === CARRY_BASELINE && withdrawnAt === null)
}

export async function setBaselineKept(client: Client, isWanted: boolean): Promise<void> {
  const body = { purpose: CARRY_BASELINE, textVersion: CARRY_TEXT_VERSION, locale: language() }
  if (isWanted) await client.call('POST /api/user/consent', { body })
  else await client.call('DELETE /api/user/consent', { body: { purpose: CARRY_BASELINE } })
}
