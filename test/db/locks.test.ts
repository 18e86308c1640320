import t from 'tap'
import { ADVISORY_LOCKS, tryAdvisoryLock } from '../../src/db/locks.ts'
import { createTestDatabase } from '../helpers/database.ts'

t.test('keys of locks equal those of earlier versions, which may run at the same time', async (t) => {
  t.match(ADVISORY_LOCKS, {
    migration: 7_341_902_185,
    sessionSweep: 1_835_099_509,
    retention: 1_835_099_506,
    auditRetention: 1_835_098_485,
  })
  const keys = Object.values(ADVISORY_LOCKS)
  t.equal(new Set(keys).size, keys.length, 'none is used twice')
})

t.test('a lock is held by one transaction at a time, separately for each name', async (t) => {
  const { orm } = await createTestDatabase(t)
  await orm.transaction(async (first) => {
    t.ok(await tryAdvisoryLock(first, 'retention'))
    await orm.transaction(async (second) => {
      t.notOk(await tryAdvisoryLock(second, 'retention'))
      t.ok(await tryAdvisoryLock(second, 'sessionSweep'))
    })
  })
  await orm.transaction(async (next) => {
    t.ok(await tryAdvisoryLock(next, 'retention'), 'free once its transaction has ended')
  })
})
