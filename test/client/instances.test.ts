import t from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { startFleet } from '../helpers/fleet.ts'
import { film, signedUp, startSwitchboard, watch } from './kit.ts'

const QUICK = { baseMs: 20, capMs: 100 }

// Real processes, behind an address that stays.
t.test(
  'a server that is killed, one that goes, and one that hangs leave no gap in what was heard, and no double',
  { timeout: 300_000 },
  async (t) => {
    const env = {
      ANALYSIS_INTERVAL_MS: '1000',
      MAX_FRAMES_PER_ANALYSIS: '10',
      LEASE_MS: '1500',
      WS_PING_INTERVAL_MS: '300',
    }
    const fleet = await startFleet(t, 2, env)
    const [a, b] = fleet.instances
    if (a === undefined || b === undefined) throw new Error('two instances were asked for')
    const board = await startSwitchboard(t, a.origin)
    const client = await signedUp(board.origin)
    const session = await client.startSession({
      reconnect: { ...QUICK, heartbeatMs: 500, connectMs: 1000, maxTries: 50 },
    })
    const seen = watch(t, session)
    const turnOff = film(t, session)
    await seen.has('emotion', 2)

    board.leadTo(b.origin)
    a.signal('SIGKILL')
    await a.ended
    const killedIn = seen.windows().at(-1) ?? 0
    await eventually(seen.windows, (windows) => (windows.at(-1) ?? 0) >= killedIn + 2)
    t.ok(seen.all('reconnecting').length > 0, 'the kill was noticed')

    await a.restart()
    board.leadTo(a.origin)
    b.signal('SIGTERM')
    await b.ended
    const wentIn = seen.windows().at(-1) ?? 0
    await eventually(seen.windows, (windows) => (windows.at(-1) ?? 0) >= wentIn + 2)

    const before = seen.all('reconnecting').length
    board.freeze()
    const frozenIn = seen.windows().at(-1) ?? 0
    await eventually(seen.windows, (windows) => (windows.at(-1) ?? 0) >= frozenIn + 3)
    t.ok(
      seen
        .all('reconnecting')
        .slice(before)
        .some(({ reason }) => reason === 'silent'),
      'silence was taken for a loss',
    )

    // A busy machine may leave a window without faces: what was stored is what counts.
    turnOff()
    await eventually(
      async () => ({ stored: await fleet.rows([session]), heard: seen.windows() }),
      ({ stored, heard }) =>
        stored.every(({ window, answered_at: at }) => at !== null && heard.includes(window)),
    )
    const windows = seen.windows()
    t.same(windows, [...new Set(windows)], 'none twice')
    await session.end()
    t.match(await seen.has('ended'), { reason: 'ended' })
  },
)
