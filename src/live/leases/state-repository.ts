import type postgres from 'postgres'
import type { EndReason, SessionStatus } from '../../domain/session.ts'

/** The state of a session as this process knows it. */
export type Believed = {
  readonly id: string
  /** Undefined while nothing is known. */
  readonly status: SessionStatus | undefined
  /** When it came into this state, ms since the epoch. */
  readonly at: number
  /** Of the lease that is held here, if any. */
  readonly epoch: number | undefined
}

/** The state in the row of a session; undefined: there is no row. */
export type Differing = {
  readonly id: string
  readonly state:
    | {
        readonly status: SessionStatus
        readonly at: number
        readonly reason: EndReason | null
        readonly epoch: number
      }
    | undefined
}

/** No epoch is higher: the owner of a session that is not held here does not matter. */
const ANY_EPOCH = 2 ** 31 - 1

const column = (values: readonly (string | number)[]) => values.join(',')

export const stateRepository = {
  /**
   * Those of the sessions whose rows differ from what is known here, have a newer owner, or were deleted. One statement,
   * one probe of the primary key for each session; the result is usually empty.
   */
  async listDiffering(client: postgres.Sql, believed: readonly Believed[]): Promise<Differing[]> {
    if (believed.length === 0) return []
    const rows = await client`
      select believed.id, s.status, changed.at, s.end_reason, s.lease_epoch
      from unnest(
        string_to_array(${column(believed.map(({ id }) => id))}, ','),
        string_to_array(${column(believed.map(({ status }) => status ?? ''))}, ','),
        string_to_array(${column(believed.map(({ at }) => at))}, ',')::float8[],
        string_to_array(${column(believed.map(({ epoch }) => epoch ?? ANY_EPOCH))}, ',')::int[]
      ) as believed (id, status, at, epoch)
      left join sessions s on s.id = believed.id
      cross join lateral (
        select trunc(extract(epoch from case s.status
          when 'paused' then s.paused_at
          when 'ended' then s.ended_at
          else coalesce(s.resumed_at, s.started_at)
        end) * 1000)::float8 as at
      ) as changed
      where s.id is null or s.status <> believed.status or changed.at <> believed.at
        or s.lease_epoch > believed.epoch`
    return rows.map((row) => ({
      id: String(row['id']),
      state:
        row['status'] === null
          ? undefined
          : {
              status: row['status'] as SessionStatus, // the database checks it
              at: Number(row['at']),
              reason: row['end_reason'] as EndReason | null, // likewise
              epoch: Number(row['lease_epoch']),
            },
    }))
  },
}
