import { and, asc, eq, gte, lt, lte, max, type SQL, sql } from 'drizzle-orm'
import type postgres from 'postgres'
import { tryAdvisoryLock } from '../../db/locks.ts'
import type { Orm } from '../../db/orm.ts'
import { auditLog, isAttestation } from '../../db/schema/index.ts'
import type { AuditRow, Head } from './chain.ts'

/** Triggers on the table: one per row, one per statement. */
const GUARDS = 2

/** The first or last row of each chain, with one step in the primary key per chain, independent of its length. */
const edges = (direction: 'asc' | 'desc') => {
  const order = sql.raw(`order by chain ${direction}, place ${direction} limit 1`)
  const beyond = sql.raw(direction === 'asc' ? 'chain > edges.chain' : 'chain < edges.chain')
  return sql`
    with recursive edges as (
      (select chain, place, at, hash from audit_log ${order})
      union all
      select next.* from edges, lateral (
        select chain, place, at, hash from audit_log where ${beyond} ${order}) as next)`
}
const EDGES = { first: edges('asc'), last: edges('desc') }

export const auditRepository = {
  /**
   * Appends rows to their chain, once, also if repeated. Calls the driver directly with one parameter: building a
   * statement for each batch takes longer than running it.
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

  /** The last rows of chains that have grown within `ms`, newest first. */
  listHeads: async (orm: Orm, ms: number, limit: number): Promise<Head[]> => {
    const rows = await orm.execute<{ chain: string; place: string; hash: string }>(sql`
      ${EDGES.last} select chain, place, hash from edges
      where at > now() - ${ms} * interval '1 millisecond' order by at desc limit ${limit}`)
    return rows.map(({ chain, place, hash }) => ({ chain, place: Number(place), hash }))
  },

  listChains: async (orm: Orm): Promise<string[]> => {
    const rows = await orm.execute<{ chain: string }>(
      sql`${EDGES.first} select chain from edges order by chain`,
    )
    return rows.map(({ chain }) => chain)
  },

  /** The stored places of a chain, from `place` on. */
  listPlaces: async (orm: Orm, chain: string, place: number): Promise<ReadonlySet<number>> => {
    const rows = await orm
      .select({ place: auditLog.place })
      .from(auditLog)
      .where(and(eq(auditLog.chain, chain), gte(auditLog.place, place)))
    return new Set(rows.map((row) => row.place))
  },

  /** The last place of a chain before `place`; 0 if there is none. */
  findPlaceBefore: async (orm: Orm, chain: string, place: number): Promise<number> => {
    const [row] = await orm
      .select({ place: max(auditLog.place) })
      .from(auditLog)
      .where(and(eq(auditLog.chain, chain), lt(auditLog.place, place)))
    return row?.place ?? 0
  },

  /**
   * Identifies the history of the database: the cluster and its timeline. A new timeline starts when a standby is
   * promoted, with the data that it had received.
   */
  findHistory: async (orm: Orm): Promise<string> => {
    const rows = await orm.execute<{ history: string }>(sql`
      select system_identifier || ' ' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) as history
      from pg_control_system()`)
    return String(rows[0]?.history)
  },

  /** Up to `limit` rows of a chain, in order, from `place` on. */
  listRows: (orm: Orm, chain: string, place: number, limit: number): Promise<AuditRow[]> =>
    orm
      .select()
      .from(auditLog)
      .where(and(eq(auditLog.chain, chain), gte(auditLog.place, place)))
      .orderBy(asc(auditLog.place))
      .limit(limit),

  /** Up to `limit` rows of an event after `after`, in the order of chain and place. */
  listAttestations: (
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
          isAttestation(auditLog), // redundant, but required for the partial index
          eq(auditLog.event, event),
          sql`(${auditLog.chain}, ${auditLog.place}) > (${after.chain}, ${after.place})`,
        ),
      )
      .orderBy(asc(auditLog.chain), asc(auditLog.place))
      .limit(limit),

  findRow: async (orm: Orm, chain: string, place: number): Promise<AuditRow | undefined> =>
    (await auditRepository.listRows(orm, chain, place, 1)).find((row) => row.place === place),

  /** True for one transaction at a time across all instances. */
  lockRetention: (tx: Orm): Promise<boolean> => tryAdvisoryLock(tx, 'auditRetention'),

  /** For each chain, the last row that is older than `days`, among its first `scanned` rows. */
  listExpired: async (orm: Orm, days: number, limit: number, scanned: number): Promise<AuditRow[]> => {
    const isOld = (at: SQL) => sql`${at} < now() - ${days} * interval '1 day'`
    const rows = await orm.execute<{ chain: string; place: string }>(sql`
      ${EDGES.first} select edges.chain, old.place from edges, lateral (
        select max(place) as place
        from (select place, at from audit_log where chain = edges.chain order by place limit ${scanned}) as early
        where ${isOld(sql`early.at`)}) as old
      where ${isOld(sql`edges.at`)} and old.place is not null limit ${limit}`)
    const found = await Promise.all(
      rows.map(({ chain, place }) => auditRepository.findRow(orm, chain, Number(place))),
    )
    return found.filter((row) => row !== undefined)
  },

  /** Allows this transaction to delete rows older than `days`. The database refuses all other deletions. */
  async allowRetention(tx: Orm, days: number): Promise<void> {
    await tx.execute(sql`select set_config('maeum.audit_kept_days', ${String(days)}, true)`)
  },

  /** Whether the triggers that make the table append-only exist and are enabled. */
  isGuarded: async (orm: Orm): Promise<boolean> => {
    const rows = await orm.execute<{ guards: number }>(sql`
      select count(*)::int as guards from pg_trigger
      where tgrelid = 'public.audit_log'::regclass and tgenabled in ('O', 'A')
        and tgfoid = to_regproc('public.audit_log_only_grows')`)
    return rows[0]?.guards === GUARDS
  },

  /** Deletes up to `limit` of a chain's first rows, none after `place`. The only deletion in the trail. */
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

  /** The chains whose first row is not at place 1. */
  listTruncated: async (orm: Orm): Promise<string[]> => {
    const rows = await orm.execute<{ chain: string }>(
      sql`${EDGES.first} select chain from edges where place > 1`,
    )
    return rows.map(({ chain }) => chain)
  },
}

export type AuditRepository = typeof auditRepository
