import type postgres from 'postgres'
import type { EndReason, SessionStatus } from '../../domain/session.ts'

/** What is believed here of a session. */
export type Believed = {
  readonly id: string
  /** Undefined while nothing is known. */
  readonly status: SessionStatus | undefined
  /** When it came into this state, ms since the epoch. */
  readonly at: number
  /** Of the lease that is held here, if any. */
  readonly epoch: number | undefined
}

/** What the row says of a session; undefined state: there is no row. */
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

/** No epoch is higher: of a session that is not held here its owner says nothing. */
const ANY_EPOCH = 2 ** 31 - 1

const column = (values: readonly (string | number)[]) => values.join(',')

export const stateRepository = {
  /**
   * Those of the sessions whose rows say something else than what is believed, or have a newer owner, or are gone. One
   * statement, one probe of the primary key for each session; the answer is empty as a rule.
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
