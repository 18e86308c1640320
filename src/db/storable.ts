import { and, isNull, notInArray, or, type SQL, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { EXPRESSION_READING } from '../domain/consent.ts'
import { END_REASONS, revokesAnalysis } from '../domain/session.ts'
import { consents, sessions } from './schema/index.ts'

/** The table of sessions under the alias that `mayStore` uses. */
export const storing = alias(sessions, 's')

/**
 * Whether results of the session `s` may be stored: not after an end that revokes the analysis, and if consent is
 * required only with a valid consent.
 */
export function mayStore(isConsentRequired: boolean): SQL | undefined {
  const isOpen = or(
    isNull(storing.endReason),
    notInArray(storing.endReason, END_REASONS.filter(revokesAnalysis)),
  )
  if (!isConsentRequired) return isOpen
  const isCovered = sql`exists (
    select from ${consents} where ${consents.userId} = ${storing.userId}
      and ${consents.purpose} = ${EXPRESSION_READING} and ${consents.withdrawnAt} is null)`
  return and(isOpen, isCovered)
}
