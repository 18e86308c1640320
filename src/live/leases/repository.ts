import { performance } from 'node:perf_hooks'
import type postgres from 'postgres'
import { type LockedSession, toSession } from '../../db/session-row.ts'
import type { LeaseKey, Renewal } from './lease.ts'

/** How far a session has come, by its rows: read after its claim, so that it shows what the last owner stored. */
export type Progress = { readonly lastWindow: number; readonly hasUndelivered: boolean }

export type Claimed = Pick<LockedSession, 'session'> & {
  /** The database's clock after the claim, ms since the epoch. */
  readonly clock: number
  /** By how much it is ahead of our monotonic clock, ms. */
  readonly clockOffset: number
  /** The instance that held it until now, or null. */
  readonly before: string | null
}

/** Arrays do not pass the driver; ids hold no comma. */
const listOf = (values: readonly (string | number)[]) => values.join(',')

/** The leases as rows of a statement. */
const heldRows = (client: postgres.Sql, leases: readonly LeaseKey[]) => client`
  select * from unnest(
    string_to_array(${listOf(leases.map(({ sessionId }) => sessionId))}, ','),
    string_to_array(${listOf(leases.map(({ epoch }) => epoch))}, ',')::int[]) as held (id, epoch)`

type Claim = {
  readonly owner: string
  readonly ttlMs: number
  /** Not while another instance's lease is running. */
  readonly onlyFree: boolean
  /** Whether to wait for a locked row; else it is skipped. */
  readonly patient: boolean
}

/**
 * The statements by which an instance owns sessions: many rows at once, often, and when all clients reconnect. They use
 * the driver directly, where they are prepared once and take one round trip. Rows are locked in the
 * order of their ids everywhere, so that two writers never wait for each other in a circle.
 */
export const leaseRepository = {
  /**
   * Makes this instance the owner of those of the sessions that have not ended; the epoch rises with every change of
   * owner. `undefined` stands for a live one that was passed over; unknown and ended ones are missing.
   */
  async claim(
    client: postgres.Sql,
    ids: readonly string[],
    { owner, ttlMs, onlyFree, patient }: Claim,
  ): Promise<ReadonlyMap<string, Claimed | undefined>> {
    const rows = await client`
      with found as (
        select id, lease_owner as before from sessions
        where id = any(string_to_array(${listOf(ids)}, ',')) and status <> 'ended'
          and (not ${onlyFree}::boolean or lease_owner is not distinct from ${owner}
               or coalesce(lease_until < now(), true))
        order by id for no key update ${patient ? client`` : client`skip locked`}
      ), claimed as (
        update sessions set
          lease_owner = ${owner},
          -- An expired lease that no other instance has claimed keeps its epoch: windows closed under it may still be written.
          lease_epoch = lease_epoch + case when lease_owner is not distinct from ${owner} then 0 else 1 end,
          lease_until = now() + ${ttlMs}::float8 * interval '1 millisecond',
          -- The session's clock here is this one, measured later: no window up to this one is opened under the new lease.
          lease_after_window = case when lease_owner is not distinct from ${owner} then lease_after_window else
            greatest(0, floor(extract(epoch from clock_timestamp() - started_at) * 1000 / interval_ms))::integer end,
          seen_at = now(),
          changed_at = case when lease_owner is not distinct from ${owner} then changed_at else now() end
        from found where sessions.id = found.id
        returning sessions.*, found.before
      )
      select claimed.*, known.id as known, extract(epoch from clock_timestamp()) * 1000 as clock
      from sessions known left join claimed on claimed.id = known.id
      where known.id = any(string_to_array(${listOf(ids)}, ',')) and known.status <> 'ended'`
    const answeredAt = performance.now()
    return new Map(
      rows.map((row) => {
        const known = String(row['known'])
        if (row['id'] === null) return [known, undefined]
        const before = row['before'] === null ? null : String(row['before'])
        const clock = Number(row['clock'])
        return [known, { session: toSession(row), clock, clockOffset: clock - answeredAt, before }]
      }),
    )
  },

  /** The users of those sessions that have not ended. */
  async listUsers(client: postgres.Sql, ids: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const rows = await client`
      select id, user_id from sessions
      where id = any(string_to_array(${listOf(ids)}, ',')) and status <> 'ended'`
    return new Map(rows.map((row) => [String(row['id']), Number(row['user_id'])]))
  },

  /** In a statement of its own, after the claim: one that waited for a row would not see what was stored meanwhile. */
  async listProgress(client: postgres.Sql, ids: readonly string[]): Promise<ReadonlyMap<string, Progress>> {
    const rows = await client`
      select id,
        coalesce((select max("window") from emotion_windows where session_id = id), 0) as last,
        exists (select from emotion_windows where session_id = id and delivered_at is null) as undelivered
      from unnest(string_to_array(${listOf(ids)}, ',')) as claimed (id)`
    return new Map(
      rows.map((row) => [
        String(row['id']),
        { lastWindow: Number(row['last']), hasUndelivered: row['undelivered'] === true },
      ]),
    )
  },

  /**
   * Extends those of the leases that are still the owner's. One statement for any number; a row that another transaction
   * has locked is passed over. That of a session that has ended stands as it is, for no other can take it over. An epoch
   * below ours shows that the database has lost our claim, as after a failover to a standby that was behind: epochs only
   * rise, so no other has had the session since, and it is ours again as it was.
   */
  async renew(
    client: postgres.Sql,
    leases: readonly LeaseKey[],
    { owner, ttlMs }: Pick<Claim, 'owner' | 'ttlMs'>,
  ): Promise<Renewal> {
    const rows = await client`
      with held as materialized (${heldRows(client, leases)}), mine as (
        select s.id, held.epoch from sessions s join held on s.id = held.id and (s.lease_epoch < held.epoch
          or (s.lease_epoch = held.epoch and s.lease_owner = ${owner} and s.status <> 'ended'))
        order by s.id for no key update of s skip locked
      ), renewed as (
        update sessions set
          lease_until = now() + ${ttlMs}::float8 * interval '1 millisecond',
          lease_owner = ${owner},
          lease_epoch = mine.epoch,
          changed_at = case when sessions.lease_epoch = mine.epoch then changed_at else now() end
        from mine where sessions.id = mine.id returning sessions.id
      ), others as (
        select held.id,
          case
            when s.id is null then 'deleted'
            when s.lease_epoch < held.epoch or (s.lease_epoch = held.epoch and s.lease_owner = ${owner}) then 'skipped'
            else 'lost'
          end as found
        from held left join sessions s on s.id = held.id
        where held.id not in (select id from renewed) and s.status is distinct from 'ended'
      )
      select * from others`
    const found = (kind: 'lost' | 'deleted' | 'skipped') =>
      rows.filter((row) => row['found'] === kind).map((row) => String(row['id']))
    return { lost: found('lost'), deleted: found('deleted'), skipped: found('skipped') }
  },

  /**
   * Gives leases up and returns those that were not looked at because another transaction has locked their rows; none
   * when it is `patient` and waits for them.
   */
  async release(
    client: postgres.Sql,
    leases: readonly LeaseKey[],
    { owner, patient }: Pick<Claim, 'owner' | 'patient'>,
  ): Promise<LeaseKey[]> {
    const rows = await client`
      with held as materialized (${heldRows(client, leases)}), mine as (
        select s.id from sessions s join held on s.id = held.id
          and s.lease_epoch = held.epoch and s.lease_owner = ${owner}
        order by s.id for no key update of s ${patient ? client`` : client`skip locked`}
      ), released as (
        update sessions set lease_owner = null, lease_until = null, changed_at = now()
        from mine where sessions.id = mine.id returning sessions.id
      )
      select held.id, held.epoch from sessions s join held on s.id = held.id
        and s.lease_epoch = held.epoch and s.lease_owner = ${owner}
      where held.id not in (select id from released)`
    return patient ? [] : rows.map((row) => ({ sessionId: String(row['id']), epoch: Number(row['epoch']) }))
  },

  /** A socket of these sessions is open here. One whose row is busy is marked the next time. */
  async touch(client: postgres.Sql, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return
    await client`
      with here as (
        select id from sessions where id = any(string_to_array(${listOf(ids)}, ',')) and status <> 'ended'
        for no key update skip locked
      )
      update sessions set seen_at = now() from here where sessions.id = here.id`
  },
}
