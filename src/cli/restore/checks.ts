import { createChainHash } from '../../features/audit/chain.ts'
import { auditRepository } from '../../features/audit/repository.ts'
import { verifyTrail } from '../../features/audit/verify.ts'
import type { AccountErasure } from '../../features/privacy/erasure/list.ts'
import { closeOpened, describeOpened, findOpened } from '../../db/api-roles.ts'
import type { Database } from '../../db/client.ts'
import { schemaFaults } from '../../db/schema-faults.ts'
import type { Context } from '../command.ts'
import type { TextKey } from '../texts.ts'

export type Check = {
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly text: string
}

/** One line of the result. */
export const toCheck = (
  { texts }: Pick<Context, 'texts'>,
  status: Check['status'],
  key: Extract<TextKey, `restore.${string}`>,
  values: Readonly<Record<string, unknown>> = {},
): Check => ({ name: key.replace(/^restore\./, '').split('.')[0] ?? key, status, text: texts(key, values) })

/** The tables are those that this version expects. */
export async function checkSchema(context: Context, { sql }: Pick<Database, 'sql'>): Promise<Check> {
  const faults = await schemaFaults(sql)
  return faults.length === 0
    ? toCheck(context, 'ok', 'restore.schema')
    : toCheck(context, 'fail', 'restore.schema.faults', { faults: faults.join('; ') })
}

/** Default privileges of a hosted cluster give new tables to its public roles. */
export async function checkRights(context: Context, { sql }: Pick<Database, 'sql'>): Promise<Check> {
  const opened = describeOpened(await findOpened(sql))
  if (opened === undefined) return toCheck(context, 'ok', 'restore.rights')
  await closeOpened(sql)
  const left = describeOpened(await findOpened(sql))
  return left === undefined
    ? toCheck(context, 'ok', 'restore.rights.revoked')
    : toCheck(context, 'fail', 'restore.rights.left', { what: left })
}

/** The data keys of the restored users can be opened. */
export function checkDataKeys(context: Context, needed: readonly string[]): Check {
  const configured = context.readConfig().privacy.dataKeys.map(({ id }) => id)
  const missing = needed.filter((id) => !configured.includes(id))
  if (needed.length === 0) return toCheck(context, 'ok', 'restore.keys.none')
  return missing.length === 0
    ? toCheck(context, 'ok', 'restore.keys', { count: needed.length })
    : toCheck(context, 'fail', 'restore.keys.missing', { ids: missing.join(', ') })
}

export async function checkTrail(
  context: Context,
  { orm }: Pick<Database, 'orm'>,
  secrets: readonly string[],
): Promise<Check> {
  const { chains, rows, findings } = await verifyTrail({
    orm,
    repository: auditRepository,
    hashes: secrets.map(createChainHash),
    onProgress: (count) => context.progress.show(context.texts('audit.progress', { count })),
  })
  const unproven = findings.filter(({ kind }) => kind === 'unproven').length
  const faults = findings.length - unproven + ((await auditRepository.isGuarded(orm)) ? 0 : 1)
  if (faults > 0) return toCheck(context, 'fail', 'restore.audit.faults', { count: faults })
  return unproven > 0
    ? toCheck(context, 'warn', 'restore.audit.unproven', { count: unproven, chains })
    : toCheck(context, 'ok', 'restore.audit', { chains, rows })
}

/** A receipt names the last row of the trail at its time. Rows after the backup are not in the restored trail. */
export async function checkReceipts(
  context: Context,
  { orm }: Pick<Database, 'orm'>,
  records: readonly AccountErasure[],
): Promise<Check> {
  let found = 0
  let faults = 0
  for (const { trail } of records) {
    const row = await auditRepository.findRow(orm, trail.chain, trail.place)
    if (row !== undefined) {
      if (row.hash === trail.hash) found++
      else faults++
    } else if ((await auditRepository.listRows(orm, trail.chain, trail.place, 1)).length > 0) faults++
  }
  return faults === 0
    ? toCheck(context, 'ok', 'restore.receipts', { found, later: records.length - found })
    : toCheck(context, 'fail', 'restore.receipts.faults', { count: faults })
}
