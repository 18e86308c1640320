import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { createDataDirectory, SUPERUSER } from '../../src/db/embedded/directory.ts'
import type { TestDatabase } from './database.ts'
import { eventually } from './eventually.ts'
import { freePort, initialise, openAt, urlAt } from './own-postgres.ts'
import { startPostgresProcess } from './postgres-process.ts'
import { startTcpProxy } from './tcp-proxy.ts'

const run = promisify(execFile)

const PROMOTION_S = 30

/** A primary and its asynchronous standby behind one address, as a high-availability proxy offers it. */
export type ReplicatedPostgres = TestDatabase & {
  /** Of the address that always leads to the primary; `sql` and `orm` reach the primary directly. */
  readonly port: number
  /** What the standby has, read only. */
  readonly standby: TestDatabase['sql']
  /** Replication stops: all that is committed until now is on the standby, nothing that is committed later. */
  detach(): Promise<void>
  /** Kills the primary and resets its connections; nothing listens behind the address until `promote`. */
  crash(): Promise<void>
  /** Makes the standby the primary and leads the address there. */
  promote(): Promise<void>
}

/** Ports, a data directory each (a cold copy of one another), and the replication between them. */
async function startPair(t: Pick<Test, 'teardown'>) {
  const { folder, dataDir, user, binaries } = await initialise(t)
  const standbyDir = join(folder, 'standby')
  await run('cp', ['-a', dataDir, standbyDir])
  await writeFile(join(standbyDir, 'standby.signal'), '')
  await createDataDirectory(standbyDir, { binaries, user, durable: false }) // it is there: sets its owner

  const [primaryPort, standbyPort] = [await freePort(), await freePort()]
  const replication = await startTcpProxy(primaryPort)
  t.teardown(() => replication.close())
  const primary = await startPostgresProcess({
    binaries,
    user,
    dataDir,
    port: primaryPort,
    settings: ['wal_level=replica'],
  })
  t.teardown(() => primary.end('immediate'))
  const standby = await startPostgresProcess({
    binaries,
    user,
    dataDir: standbyDir,
    port: standbyPort,
    settings: [
      `primary_conninfo=host=127.0.0.1 port=${replication.port} user=${SUPERUSER} sslmode=disable`,
      'max_connections=100', // not fewer than the primary that `initdb` started
    ],
  })
  t.teardown(() => standby.end('immediate'))
  return { dataDir, primary, primaryPort, standbyPort, replication }
}

/** Two Postgres servers with asynchronous streaming replication, which can lose the last commits at a failover. */
export async function startReplicatedPostgres(t: Pick<Test, 'teardown'>): Promise<ReplicatedPostgres> {
  const { dataDir, primary, primaryPort, standbyPort, replication } = await startPair(t)
  const address = await startTcpProxy(primaryPort)
  t.teardown(() => address.close())

  let database = await openAt(primaryPort)
  const standby = await openAt(standbyPort)
  t.teardown(() => Promise.all([database.close(), standby.close()]))

  const hasReplayed = async () => {
    const [primaryNow] = await database.sql`select pg_current_wal_lsn() as lsn`
    const reached = async () => {
      const [row] = await standby.sql`
        select coalesce(pg_last_wal_replay_lsn() >= ${String(primaryNow?.['lsn'])}::pg_lsn, false) as reached`
      return row?.['reached'] === true
    }
    await eventually(reached, Boolean)
  }
  await hasReplayed()

  return {
    kind: 'postgres',
    description: 'replicated, of the test itself',
    socketDir: dataDir,
    close: () => database.close(),
    get sql() {
      return database.sql
    },
    get orm() {
      return database.orm
    },
    get patient() {
      return database.patient
    },
    get renewals() {
      return database.renewals
    },
    get unhurried() {
      return database.unhurried
    },
    listen: (subscription) => database.listen(subscription),
    usage: () => database.usage(),
    url: urlAt(address.port),
    port: address.port,
    standby: standby.sql,

    async detach() {
      await hasReplayed()
      await replication.close()
    },

    async crash() {
      await database.close()
      await primary.end('kill')
      address.cut() // its backends end by themselves, and would still answer the query they are at
    },

    async promote() {
      await standby.sql`select pg_promote(true, ${PROMOTION_S})`
      database = await openAt(standbyPort)
      address.leadTo(standbyPort)
    },
  }
}
