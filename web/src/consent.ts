import type { Client } from '../../client/index.ts'
import { MaeumError } from '../../client/index.ts'
import { CARRY_BASELINE, EXPRESSION_READING } from '../../src/domain/consent.ts'
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

/** The text beside the switch in the settings. */
const CARRY_TEXT_VERSION = '2026-11-30'

/** Whether the person's neutral face is kept from session to session. */
export async function carriesBaseline(client: Client): Promise<boolean> {
  const { consents } = await client.call('GET /api/user/consent')
  return consents.some(({ purpose, withdrawnAt }) => purpose === CARRY_BASELINE && withdrawnAt === null)
}

export async function carryBaseline(client: Client, isWanted: boolean): Promise<void> {
  const body = { purpose: CARRY_BASELINE, textVersion: CARRY_TEXT_VERSION, locale: language() }
  if (isWanted) await client.call('POST /api/user/consent', { body })
  else await client.call('DELETE /api/user/consent', { body: { purpose: CARRY_BASELINE } })
}
