import t, { type Test } from 'tap'
import { eventually } from '../helpers/eventually.ts'
import { skip } from '../web/browser.ts'
import { answerTo, numbersOf, polite, QUICK, RATE } from './kit.ts'
import { inChromium, inNode, type Open } from './places.ts'

/** A busy machine answers well within it. */
const HEARTBEAT_MS = 1500

/** A frame of 478 points, float32. */
const FRAME_BYTES = 24 + 478 * 12

const LIES: readonly unknown[] = [
  ...['', '{', 'null', '[]', '"x"', '{"type":7}', '{"data":{}}'],
  { type: 'emotion_update' },
  { type: 'emotion_update', data: null },
  answerTo(1, { window: -1 }),
  answerTo(1, { window: 1.5 }),
  answerTo(1, { confidence: 'high' }),
  answerTo(1, { scores: null }),
  { type: 'status_update', data: { status: 'asleep', duration: -4 } },
  { type: 'rate', data: { fps: 0 } },
  { type: 'rate', data: { fps: 'fast', formats: 'all' } },
  { type: 'rate', data: null },
  { type: 'resumed', data: { recovered: 'yes', frame: 1e300, window: 'x' } },
  { type: 'goaway', data: { timeLeftMs: -1e9 } },
  { type: 'connected', data: [] },
  { type: 'news_of_a_later_version', data: { a: 1 } },
]

const CASES: Readonly<Record<string, (t: Test, open: Open) => Promise<void>>> = {
  'a server that dies gets again what it has not had, and nothing that it has': async (t, open) => {
    let had = 0
    const { fake, seen } = await open(
      t,
      {
        onSocket: (socket, all) => {
          polite({ resumed: { recovered: false, frame: had, window: 1 } })(socket)
          if (all.length > 1) return
          socket.raw.on('message', () => {
            const numbers = numbersOf(socket)
            if (numbers.length !== 5) return
            had = numbers[2] ?? 0 // what came later never arrived, as far as the next one knows
            socket.raw.terminate()
          })
        },
      },
      { reconnect: QUICK },
    )
    await eventually(
      () => fake.sockets[1]?.received.length ?? 0,
      (count) => count >= 8,
    )
    const [first, second] = fake.sockets.map(numbersOf)
    const lost = first?.slice(3) ?? []
    t.ok(lost.length >= 2)
    t.same(second?.slice(0, lost.length), lost, 'those again, in order')
    t.same(
      second?.map((number) => number - had),
      second?.map((_, i) => i + 1),
      'then the next ones, none left out',
    )
    const { type, data } = JSON.parse(String(fake.sockets[1]?.received[0]))
    t.match([type, data.window], ['resume', 0])
    t.ok(data.frame >= (first?.at(-1) ?? Number.NaN), 'it says what it has sent')
    t.equal(fake.sockets[0]?.received[0]?.length, FRAME_BYTES)
    t.equal((await seen.all('reconnecting')).length, 1)
    t.equal((await seen.all('open')).length, 2)
  },

  'a server that stalls is asked first, and only then given up': async (t, open) => {
    let answers = true
    const { fake, seen } = await open(
      t,
      { onSocket: polite({ answers: () => answers }) },
      { reconnect: { ...QUICK, heartbeatMs: HEARTBEAT_MS } },
    )
    await eventually(
      () => fake.sockets[0]?.received.filter((message) => message === '{"type":"ping"}').length ?? 0,
      (pings) => pings >= 3,
    )
    t.same(await seen.all('reconnecting'), [], 'who answers is there')
    answers = false
    t.match(await seen.has('reconnecting'), [{ reason: 'silent' }])
  },

  'a server that lies is believed nothing that cannot be, and complaints are few': async (t, open) => {
    let liedAt = 0
    const { fake, seen } = await open(t, {
      onSocket: (socket) => {
        liedAt = performance.now()
        polite()(socket)
        socket.raw.send(Buffer.from([1, 2, 3]), { binary: true })
        for (const lie of LIES) socket.send(lie)
        socket.send(RATE)
        socket.send(answerTo(3))
        socket.send(answerTo(3))
        socket.send(answerTo(3, { revision: 2, emotion: 'sad' }))
        socket.send(answerTo(2))
      },
    })
    t.same(
      (await seen.has('emotion', 3)).map(({ window, revision, emotion }) => [window, revision, emotion]),
      [
        [3, 1, 'happy'],
        [3, 2, 'sad'],
        [2, 1, 'happy'],
      ],
    )
    const complaints = await seen.all('error')
    const seconds = Math.floor((performance.now() - liedAt) / 1000)
    t.match(complaints[0], { code: 'BAD_MESSAGE' })
    t.ok(complaints.length <= 1 + seconds, `one complaint a second at most: ${complaints.length}`)
    await eventually(
      () => fake.sockets.flatMap(numbersOf).length,
      (frames) => frames >= 3,
    )
    t.same(await seen.all('ended'), [], 'and frames still flow')
  },

  'a server that goes away is left for the next before it closes': async (t, open) => {
    const { fake, seen } = await open(t, {
      onSocket: (socket, all) => {
        polite()(socket)
        if (all.length === 1) socket.send({ type: 'goaway', data: { timeLeftMs: 2000 } })
      },
    })
    await eventually(
      () => fake.sockets[0]?.raw.readyState,
      (state) => state === 3,
    )
    t.equal(fake.sockets.length, 2)
    t.equal(fake.sockets[1]?.raw.readyState, 1, 'the next was there before the first was left')
    t.same(await seen.all('reconnecting'), [])
    t.same(await seen.all('ended'), [])
  },

  'a session that another page has taken over is left to it': async (t, open) => {
    const { fake, seen } = await open(
      t,
      {
        onSocket: (socket) => {
          polite()(socket)
          socket.raw.once('message', () => socket.raw.close(4001, 'SUPERSEDED'))
        },
      },
      { reconnect: QUICK },
    )
    t.match(await seen.has('ended'), [{ reason: 'superseded', detail: 'SUPERSEDED' }])
    t.equal(fake.sockets.length, 1, 'nobody fights for it')
    t.same(await seen.all('reconnecting'), [])
  },
}

// Each waits for sockets of its own, and mostly for the clock.
t.jobs = 3
for (const [sentence, check] of Object.entries(CASES)) {
  const options = { buffered: true, timeout: 300_000 }
  void t.test(`in Node, ${sentence}`, options, (t) => check(t, inNode))
  void t.test(`in Chromium, ${sentence}`, { ...options, skip }, (t) => check(t, inChromium))
}
