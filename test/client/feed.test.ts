import t from 'tap'
import { Feed } from '../../client/feed.ts'
import type { Socket } from '../../client/socket.ts'
import { FACE } from './kit.ts'

const START = 1000
const INTERVAL_MS = 10_000

/** A feed with a clock that the test turns, and a socket that takes what the test lets it. */
function setting() {
  let time = START
  let unread = 0
  const sent: number[] = []
  const wire: Socket = {
    isV2: true,
    get bufferedAmount() {
      return unread
    },
    send(data) {
      sent.push(typeof data === 'string' ? Number(/"frame":(\d+)/.exec(data)?.[1]) : -1)
      return true
    },
    probe: () => undefined,
    close: () => undefined,
  }
  const feed = new Feed('float32', START, () => time)
  const greet = (isResuming = false) => {
    feed.attach(wire, { analysisInterval: INTERVAL_MS, maxFrames: 40 }, isResuming)
    feed.onRate({ fps: 4 })
  }
  return {
    feed,
    sent,
    greet,
    leave: () => feed.detach(),
    /** The clock goes on in steps of a camera's images, each of which is offered. */
    film: (ms: number) => {
      for (const end = time + ms; time < end; time += 50) feed.push(FACE, {})
    },
    pass: (ms: number) => {
      time += ms
    },
    block: (bytes: number) => {
      unread = bytes
    },
  }
}

t.test('frames are taken on the beat of the server, however the camera beats', (t) => {
  const { feed, film, greet, pass, leave } = setting()
  greet()
  film(10_000)
  t.equal(feed.stats.taken, 40)
  pass(60_000)
  film(1000)
  t.equal(feed.stats.taken, 44, 'what a pause has cost is not made up for')
  leave()
  t.end()
})

t.test(
  'what was captured before there was a socket goes out when there is one, of the open window alone',
  (t) => {
    const { feed, sent, film, greet, leave } = setting()
    film(12_000)
    greet()
    t.equal(sent.length, 8, 'two seconds of the second window')
    t.equal(feed.stats.dropped, 40)
    film(1000)
    t.equal(sent.length, 12)
    t.same(
      sent,
      sent.map((_, i) => (sent[0] ?? 0) + i),
      'in order',
    )
    leave()
    t.end()
  },
)

t.test('a socket that takes nothing more makes the oldest frames go, and memory stay', (t) => {
  const { feed, sent, film, greet, block, leave } = setting()
  greet()
  feed.onRate({ fps: 60 })
  block(128 * 1024 + 1)
  film(9000)
  t.equal(sent.length, 0)
  const { taken, dropped } = feed.stats
  t.equal(dropped, taken - 64)
  block(0)
  feed.onRate({ fps: 60 })
  t.equal(sent.length, 64)
  t.equal(feed.stats.sent + feed.stats.dropped, taken, 'none is counted twice')
  leave()
  t.end()
})

t.test('coming back, the server gets what it has not had', async (t) => {
  const cases = [
    ['what came after its last frame', { recovered: true, frame: -4 }, 4],
    ['the whole window when it has had none', { recovered: false, frame: 0 }, 20],
    ['nothing when the rest of the window is not read', { recovered: true, frame: 0 }, 0],
    ['nothing when it has had all', { recovered: true, frame: -0 }, 0],
    ['nothing when it claims to have had what was never sent', { recovered: false, frame: 1e15 }, 0],
  ] as const
  for (const [what, { recovered, frame }, count] of cases) {
    const { feed, sent, film, greet, leave } = setting()
    greet()
    film(5000)
    const last = sent.at(-1) ?? 0
    leave()
    greet(true)
    t.equal(sent.length, 20, 'nothing before the answer')
    const had = Object.is(frame, 0) || frame > 0 ? frame : last + frame
    feed.onResumed({ recovered, frame: had, window: 1 })
    t.equal(sent.length - 20, count, what)
    film(500)
    t.equal(sent.length - 20, count + 2, `${what}, and then it goes on`)
    t.equal(feed.highestSent, Math.max(last, had) + 2)
    leave()
  }
})

t.test('frames are numbered above those that the server has had from another page or device', (t) => {
  for (const ahead of [1, 3e5, 1e9]) {
    const { feed, sent, film, greet, leave } = setting()
    const frame = Date.now() + ahead
    film(1000)
    greet(true)
    feed.onResumed({ recovered: true, frame, window: 1 })
    film(500)
    t.equal(sent.length, 6, 'those from before the answer too')
    t.ok(
      sent.every((number, i) => number > (sent[i - 1] ?? frame)),
      'each above the one before, and above the server’s last',
    )
    leave()
  }
  t.end()
})

t.test('an outage of any length keeps what one window holds, and no more', (t) => {
  const { feed, sent, film, greet, leave } = setting()
  greet()
  feed.onRate({ fps: 60 })
  leave()
  film(600_000)
  const { taken, dropped } = feed.stats
  t.ok(taken > 10_000)
  t.equal(taken - dropped - sent.length, 64)
  leave()
  t.end()
})

t.test('a server that never says where it stands is sent to all the same', (t) => {
  const { feed, sent, film, pass, greet, leave } = setting()
  greet(true)
  film(1000)
  t.equal(sent.length, 0)
  pass(3000)
  film(100)
  t.ok(sent.length >= 4)
  feed.onRate({ fps: Number.NaN })
  feed.onRate({ fps: -3 })
  feed.setDuration('yesterday')
  leave()
  t.end()
})

t.test('a face whose window has passed while the model looked for it is not sent', (t) => {
  const { feed, sent, greet, pass, leave } = setting()
  greet()
  pass(INTERVAL_MS + 1000)
  feed.push(FACE, { ageMs: 3000 })
  t.same([sent.length, feed.stats.dropped], [0, 1], 'taken two seconds before this window began')
  pass(1000)
  feed.push(FACE, { ageMs: 500 })
  t.equal(sent.length, 1)
  pass(1000)
  feed.push(FACE, { ageMs: Number.NaN, timestamp: Date.now() })
  pass(1000)
  feed.push(FACE, { ageMs: -5000 })
  t.equal(sent.length, 3, 'what is no age is none')
  leave()
  t.end()
})
