import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { EXPRESSION_READING } from '../../domain/consent.ts'
import { SealError } from '../../lib/sealing.ts'
import { createErasureList, type ErasureList } from '../../features/privacy/erasure/list.ts'
import { createReceipts } from '../../lib/receipts.ts'
import { erasureRepository } from '../../features/privacy/erasure/repository.ts'
import { CommandError, type Context } from '../command.ts'
import { secretsOf } from '../database.ts'
import { type ServerParts, withServerParts } from '../server-parts.ts'
import { type Check, toCheck } from './checks.ts'

const PAGE = 500

/** The receipts of erasures in a file: the log of the server, or receipts that were kept. */
export async function readErasures(context: Context, file: string): Promise<ErasureList> {
  const secrets = await secretsOf(context.readConfig())
  const list = createErasureList(secrets.map(createReceipts))
  try {
    for await (const line of createInterface({ input: createReadStream(file, 'utf8') })) list.read(line)
  } catch (cause) {
    throw new CommandError(context.texts('input.unreadable', { file }), { cause })
  }
  return list
}

/** The restored users by pseudonym. `unreadable`: users whose data key cannot be opened. */
async function findSubjects({ app }: ServerParts, subjects: ReadonlySet<string>) {
  const users = new Map<string, number>()
  let unreadable = 0
  for (let after = 0; subjects.size > 0; ) {
    const page = await erasureRepository.listKeys(app.database.patient.orm, after, PAGE)
    for (const { id, dataKey } of page) {
      try {
        app.vault.remember(id, dataKey)
        const pseudonym = dataKey === null ? undefined : await app.vault.pseudonymOf(id)
        if (pseudonym !== undefined && subjects.has(pseudonym)) users.set(pseudonym, id)
      } catch (error) {
        if (!(error instanceof SealError)) throw error
        unreadable++
      }
    }
    after = page.at(-1)?.id ?? after
    if (page.length < PAGE) break
  }
  return { users, unreadable }
}

/** Withdraws again; also ends the sessions, as a withdrawal does. Returns the number of withdrawals that were missing. */
async function replayWithdrawals(
  { app, sessions }: ServerParts,
  { withdrawals }: ErasureList,
  users: ReadonlyMap<string, number>,
): Promise<number> {
  const { orm } = app.database.patient
  let count = 0
  for (const withdrawal of withdrawals) {
    const userId = users.get(withdrawal.subject ?? '')
    if (userId === undefined || !(await erasureRepository.withdrawConsents(orm, userId, withdrawal))) continue
    count++
    if (['all', EXPRESSION_READING].includes(withdrawal.purpose))
      await sessions.endOfUser(userId, 'consent_withdrawn')
  }
  return count
}

/**
 * Repeats the erasures since the backup. Accounts are named by a pseudonym, which the restored data key of the user
 * gives again.
 */
export function replayErasures(context: Context, list: ErasureList, takenAt: string): Promise<Check> {
  const { accounts, withdrawals, sessions, foreign } = list
  const subjects = new Set([...accounts, ...withdrawals].flatMap(({ subject }) => subject ?? []))
  return withServerParts(context, async (parts) => {
    const { orm } = parts.app.database.patient
    const { users, unreadable } = await findSubjects(parts, subjects)
    let erased = 0
    for (const { subject } of accounts) {
      const id = users.get(subject ?? '')
      if (id === undefined) continue
      await parts.erasure.eraseByOperator(id)
      erased++
      users.delete(subject ?? '')
    }
    let deleted = 0
    for (let from = 0; from < sessions.length; from += PAGE)
      deleted += await erasureRepository.deleteMarked(orm, sessions.slice(from, from + PAGE))
    const withdrawn = await replayWithdrawals(parts, list, users)
    const receipts = accounts.length + sessions.length + withdrawals.length
    const counts = { receipts, erased, deleted, withdrawn, unreadable, foreign }
    if (receipts + foreign === 0) return toCheck(context, 'warn', 'restore.erasures.empty', { takenAt })
    if (unreadable > 0) return toCheck(context, 'fail', 'restore.erasures.unreadable', counts)
    if (foreign > 0) return toCheck(context, 'fail', 'restore.erasures.foreign', counts)
    return toCheck(context, 'ok', 'restore.erasures', counts)
  })
}
