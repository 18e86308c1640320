import type postgres from 'postgres'
import { type LockedSession, toSession } from './repository.ts'

export type LeaseKey = { readonly sessionId: string; readonly epoch: number }

/** How far a session has come, by its rows: read after its claim, so that it shows what the last owner stored. */
export type Progress = { readonly lastWindow: number; readonly hasUndelivered: boolean }

export type Claimed = LockedSession & {
  /** The instance that held it until now; null when nobody did. */
  readonly before: string | null
}

/** Arrays do not pass the driver; ids hold no comma. */
const listOf = (values: readonly (string | number)[]) => values.join(',')

type Claim = {
  readonly owner: string
  readonly ttlMs: number
  /** Not while another instance's lease is running. */
  readonly onlyFree: boolean
  /** Whether to wait for a row that somebody else has locked; else it is passed over. */
  readonly patient: boolean
}

/**
 * The statements by which an instance owns sessions: many rows at once, often, and in the moment in which everyone comes
 * back. They go straight to the driver, where they are prepared once and take one round trip. Rows are locked in the
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
          -- One that ran out and was taken by nobody is still ours: what was closed under it may yet be written.
          lease_epoch = lease_epoch + case when lease_owner is not distinct from ${owner} then 0 else 1 end,
          lease_until = now() + ${ttlMs}::float8 * interval '1 millisecond',
          seen_at = now(),
          changed_at = case when lease_owner is not distinct from ${owner} then changed_at else now() end
        from found where sessions.id = found.id
        returning sessions.*, found.before
      )
      select claimed.*, known.id as known from sessions known left join claimed on claimed.id = known.id
      where known.id = any(string_to_array(${listOf(ids)}, ',')) and known.status <> 'ended'`
    return new Map(
      rows.map((row) => {
        const known = String(row['known'])
        if (row['id'] === null) return [known, undefined]
        const session = toSession(row)
        // `seen_at` has just been set to the database's now.
        return [
          known,
          { session, now: session.seenAt, before: row['before'] === null ? null : String(row['before']) },
        ]
      }),
    )
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
   * Extends those of the leases that still stand and returns the sessions of the others; that of a session that has ended
   * is neither, for nobody can take it over. One statement for any number.
   */
  async renew(client: postgres.Sql, leases: readonly LeaseKey[], ttlMs: number): Promise<string[]> {
    const rows = await client`
      with held as materialized (
        select * from unnest(
          string_to_array(${listOf(leases.map(({ sessionId }) => sessionId))}, ','),
          string_to_array(${listOf(leases.map(({ epoch }) => epoch))}, ',')::int[]) as held (id, epoch)
      ), mine as (
        select s.id from sessions s join held on s.id = held.id and s.lease_epoch = held.epoch
        where s.status <> 'ended' order by s.id for no key update of s
      ), renewed as (
        update sessions set lease_until = now() + ${ttlMs}::float8 * interval '1 millisecond'
        from mine where sessions.id = mine.id returning sessions.id
      )
      select id from held where id not in (select id from renewed)
        and not exists (select from sessions ended where ended.id = held.id and ended.status = 'ended')`
    return rows.map((row) => String(row['id']))
  },

  async release(client: postgres.Sql, leases: readonly LeaseKey[]): Promise<void> {
    await client`
      with held as materialized (
        select * from unnest(
          string_to_array(${listOf(leases.map(({ sessionId }) => sessionId))}, ','),
          string_to_array(${listOf(leases.map(({ epoch }) => epoch))}, ',')::int[]) as held (id, epoch)
      ), mine as (
        select s.id from sessions s join held on s.id = held.id and s.lease_epoch = held.epoch
        order by s.id for no key update of s
      )
      update sessions set lease_owner = null, lease_until = null, changed_at = now()
      from mine where sessions.id = mine.id`
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

export type LeaseRepository = typeof leaseRepository
