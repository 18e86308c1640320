import { and, asc, eq, getTableColumns, gt, gte, lt, lte, max, min, sql } from 'drizzle-orm'
import type postgres from 'postgres'
import type { Orm } from '../../db/orm.ts'
import { auditLog } from '../../db/schema/index.ts'
import type { AuditRow, Head } from './chain.ts'

/** Triggers on the table: one for its rows, one for the whole. */
const GUARDS = 2

/** Key of the advisory lock of its retention; any number that nobody else uses. */
const RETENTION_LOCK = 0x6d61_6175

export const auditRepository = {
  /**
   * Adds rows at the end of their chain, once, however often it is tried. Straight to the driver, as one parameter: to
   * put a statement together for each batch takes longer than to run it.
   */
  async insert(client: postgres.Sql, rows: readonly AuditRow[]): Promise<void> {
    await client`
      insert into audit_log (chain, place, at, event, actor, subject, address, details, previous, hash)
      select chain, place, at, event, actor, subject, address, details, previous, hash
      from jsonb_to_recordset(${JSON.stringify(rows)}::text::jsonb) as added (
        chain text, place bigint, at timestamptz, event text, actor text, subject text, address text,
        details jsonb, previous text, hash text
      )
      on conflict do nothing`
  },

  /** The last rows of chains that have grown within `ms`, the newest first. */
  listHeads: (orm: Orm, ms: number, limit: number): Promise<Head[]> => {
    const last = orm
      .select({ chain: auditLog.chain, place: max(auditLog.place).as('last') })
      .from(auditLog)
      .where(gt(auditLog.at, sql`now() - ${ms} * interval '1 millisecond'`))
      .groupBy(auditLog.chain)
      .orderBy(sql`max(${auditLog.at}) desc`)
      .limit(limit)
      .as('last')
    return orm
      .select({ chain: auditLog.chain, place: auditLog.place, hash: auditLog.hash })
      .from(auditLog)
      .innerJoin(last, and(eq(auditLog.chain, last.chain), eq(auditLog.place, last.place)))
  },

  listChains: async (orm: Orm): Promise<string[]> => {
    const rows = await orm
      .selectDistinct({ chain: auditLog.chain })
      .from(auditLog)
      .orderBy(asc(auditLog.chain))
    return rows.map(({ chain }) => chain)
  },

  /** Up to `limit` rows of a chain, in order, from `place` on. */
  listRows: (orm: Orm, chain: string, place: number, limit: number): Promise<AuditRow[]> =>
    orm
      .select()
      .from(auditLog)
      .where(and(eq(auditLog.chain, chain), gte(auditLog.place, place)))
      .orderBy(asc(auditLog.place))
      .limit(limit),

  /** Up to `limit` rows of an event, in the order of chain and place, behind `after`. */
  listSworn: (
    orm: Orm,
    event: string,
    after: { chain: string; place: number },
    limit: number,
  ): Promise<AuditRow[]> =>
    orm
      .select()
      .from(auditLog)
      .where(
        and(
          eq(auditLog.event, event),
          sql`(${auditLog.chain}, ${auditLog.place}) > (${after.chain}, ${after.place})`,
        ),
      )
      .orderBy(asc(auditLog.chain), asc(auditLog.place))
      .limit(limit),

  findRow: async (orm: Orm, chain: string, place: number): Promise<AuditRow | undefined> =>
    (await auditRepository.listRows(orm, chain, place, 1)).find((row) => row.place === place),

  /** True for one transaction at a time across all instances. */
  lockRetention: async (tx: Orm): Promise<boolean> => {
    const rows = await tx.execute<{ got: boolean }>(
      sql`select pg_try_advisory_xact_lock(${RETENTION_LOCK}) as got`,
    )
    return rows[0]?.got === true
  },

  /** The last row of each chain that is older than `days`. */
  listExpired: (orm: Orm, days: number, limit: number): Promise<AuditRow[]> => {
    const last = orm
      .select({ chain: auditLog.chain, place: max(auditLog.place).as('last') })
      .from(auditLog)
      .where(sql`${auditLog.at} < now() - ${days} * interval '1 day'`)
      .groupBy(auditLog.chain)
      .limit(limit)
      .as('last')
    return orm
      .select(getTableColumns(auditLog))
      .from(auditLog)
      .innerJoin(last, and(eq(auditLog.chain, last.chain), eq(auditLog.place, last.place)))
  },

  /** The database refuses to take anything of the trail away, except in this transaction what is older than `days`. */
  async allowRetention(tx: Orm, days: number): Promise<void> {
    await tx.execute(sql`select set_config('maeum.audit_kept_days', ${String(days)}, true)`)
  },

  /** Whether the triggers that let the trail only grow are there and switched on. */
  isGuarded: async (orm: Orm): Promise<boolean> => {
    const rows = await orm.execute<{ guards: number }>(sql`
      select count(*)::int as guards from pg_trigger
      where tgrelid = 'public.audit_log'::regclass and tgenabled in ('O', 'A')
        and tgfoid = to_regproc('public.audit_log_only_grows')`)
    return rows[0]?.guards === GUARDS
  },

  /** Takes up to `limit` of a chain's first rows away, none behind `place`: the one deletion that the trail knows. */
  async deleteUpTo(tx: Orm, chain: string, place: number, limit: number): Promise<number> {
    const first = sql`(select min(place) from audit_log where chain = ${chain})`
    const rows = await tx
      .delete(auditLog)
      .where(
        and(
          eq(auditLog.chain, chain),
          lte(auditLog.place, place),
          lt(auditLog.place, sql`${first} + ${limit}::bigint`),
        ),
      )
      .returning({ place: auditLog.place })
    return rows.length
  },

  /** The chains that do not begin at 1 any more. */
  listTruncated: async (orm: Orm): Promise<string[]> => {
    const rows = await orm
      .select({ chain: auditLog.chain })
      .from(auditLog)
      .groupBy(auditLog.chain)
      .having(gt(min(auditLog.place), 1))
    return rows.map(({ chain }) => chain)
  },
}

export type AuditRepository = typeof auditRepository
