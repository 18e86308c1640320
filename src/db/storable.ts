import { and, isNull, notInArray, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { EXPRESSION_READING } from '../domain/consent.ts'
import { END_REASONS, isTakenBack } from '../domain/session.ts'
import { consents, sessions } from './schema/index.ts'

/** The sessions of a statement, under the name by which `mayStore` knows them. */
export const storing = alias(sessions, 's')

/**
 * Whether what is learnt of the person may be stored with the session `s`: never once its end has taken that back, and
 * where consent is required only under a standing receipt.
 */
export function mayStore(isConsentRequired: boolean): SQL | undefined {
  const isOpen = or(isNull(storing.endReason), notInArray(storing.endReason, END_REASONS.filter(isTakenBack)))
  if (!isConsentRequired) return isOpen
  const isCovered = sql`exists (
    select from ${consents} where ${consents.userId} = ${storing.userId}
      and ${consents.purpose} = ${EXPRESSION_READING} and ${consents.withdrawnAt} is null)`
  return and(isOpen, isCovered)
}
