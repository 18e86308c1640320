import t from 'tap'
import { FrameBuffer } from '../../src/live/frames/frame-buffer.ts'
import { FrameWindow } from '../../src/live/frames/frame-window.ts'
import { parseFrame } from '../../src/live/frames/landmarks-frame.ts'
import { createSparePool } from '../../src/live/frames/spare-pool.ts'
import { faces, frameOf } from '../helpers/frames.ts'

const INTERVAL_MS = 10_000
const MAX_FRAMES = 40
const SLOT_MS = INTERVAL_MS / MAX_FRAMES

const [face] = faces('happy', 1)
const GOOD = Buffer.from(frameOf(face))
/** Would be called invalid by whoever reads it. */
const UNREADABLE = Buffer.from('{"type":"landmarks","data":[')
const WRONG = Buffer.from(frameOf([{ x: 0, y: 0, z: 0 }]))

function open(spares = createSparePool(64 * 1024 * 1024)) {
  return {
    spares,
    window: new FrameWindow({
      number: 1,
      intervalMs: INTERVAL_MS,
      maxFrames: MAX_FRAMES,
      spares,
      buffer: new FrameBuffer(MAX_FRAMES),
    }),
  }
}

/** Offers a good frame at each of these times. */
const offerAt = (window: FrameWindow, times: readonly number[]) =>
  times.map((at) => window.offer(GOOD, at, parseFrame))

const times = (count: number, everyMs: number, from = 0) =>
  Array.from({ length: count }, (_, i) => from + i * everyMs)

/** The longest stretch of the window without a kept frame. */
function longestGap(kept: readonly { at: number }[]): number {
  const moments = [0, ...kept.map(({ at }) => at), INTERVAL_MS]
  return Math.max(...moments.slice(1).map((at, i) => at - (moments[i] ?? 0)))
}

for (const perSecond of [4, 10, 15, 30, 60]) {
  t.test(`${perSecond} frames a second: 40 are kept, evenly spread`, async (t) => {
    const { window, spares } = open()
    offerAt(window, times(perSecond * 10, 1000 / perSecond))
    t.equal(window.received, perSecond * 10)
    const kept = window.close()
    t.equal(kept.length, MAX_FRAMES)
    t.ok(longestGap(kept) < 2 * SLOT_MS + 1000 / perSecond, `longest gap ${longestGap(kept)} ms`)
    t.same(
      kept.map(({ at }) => at),
      kept.map(({ at }) => at).sort((a, b) => a - b),
      'in order of time',
    )
    t.equal(spares.size, 0, 'nothing is held after the close')
  })
}

t.test('a burst is kept up to the maximum, fewer frames all', async (t) => {
  for (const [sent, kept] of [
    [60, 40],
    [40, 40],
    [12, 12],
    [1, 1],
    [0, 0],
  ] as const) {
    const { window } = open()
    offerAt(window, times(sent, 0.5, 4000))
    t.equal(window.close().length, kept, `${sent} at once`)
  }
})

t.test('a late start is filled up from the second half', async (t) => {
  const { window } = open()
  offerAt(window, times(50, 100, 5000))
  const kept = window.close()
  t.equal(kept.length, 40)
  t.ok(kept.every(({ at }) => at >= 5000))
})

t.test('the first frame of a slot is read, further ones are held or dropped unread', async (t) => {
  const { window } = open()
  t.equal(window.offer(UNREADABLE, 0, parseFrame), 'invalid_message', 'an empty slot reads')
  t.equal(window.offer(GOOD, 1, parseFrame), 'kept')
  for (let i = 1; i < MAX_FRAMES; i++) t.equal(window.offer(UNREADABLE, 2, parseFrame), 'spare')
  t.equal(window.offer(UNREADABLE, 3, parseFrame), 'dropped')
  t.equal(window.close().length, 1, 'spares are read at the close, and these hold no frame')
})

t.test('a full window holds no spare', async (t) => {
  const { window, spares } = open()
  for (let i = 0; i < 39; i++) window.offer(UNREADABLE, 0.1, parseFrame)
  offerAt(window, [0, 0, 0])
  t.ok(spares.size > 0)
  offerAt(window, times(MAX_FRAMES, SLOT_MS))
  t.equal(spares.size, 0)
  t.equal(window.offer(UNREADABLE, 9999, parseFrame), 'dropped')
  t.equal(window.close().length, MAX_FRAMES)
})

t.test('an invalid frame uses up no slot, however often it comes', async (t) => {
  const { window } = open()
  for (const at of times(MAX_FRAMES, SLOT_MS)) {
    t.equal(window.offer(WRONG, at, parseFrame), 'invalid_frame')
    t.equal(window.offer(UNREADABLE, at, parseFrame), 'invalid_message')
    t.equal(
      window.offer(WRONG, at, parseFrame, 'invalid_frame'),
      'invalid_frame',
      'nor one that was read before',
    )
    t.equal(window.offer(GOOD, at + SLOT_MS / 2, parseFrame), 'kept')
  }
  t.equal(window.received, 4 * MAX_FRAMES)
  t.equal(window.close().length, MAX_FRAMES)
})

t.test('a frame that was read before is not read again', async (t) => {
  const { window } = open()
  const read = parseFrame(GOOD)
  if (typeof read === 'string') return t.fail(read)
  t.equal(window.offer(UNREADABLE, 0, parseFrame, read), 'kept')
  t.same(window.close()[0]?.points, read.points)
})

t.test('a moment outside the window belongs to its first or last slot', async (t) => {
  const { window } = open()
  t.same(offerAt(window, [-5, INTERVAL_MS, INTERVAL_MS + 5]), ['kept', 'kept', 'spare'])
})

t.test('frames that are only counted take no place', async (t) => {
  const { window } = open()
  window.count()
  t.same(offerAt(window, [0]), ['kept'])
  t.equal(window.received, 2)
  t.equal(window.close().length, 1)
})

t.test('spares of all windows together stay within one bound, the oldest leave first', async (t) => {
  const spares = createSparePool(10 * 64 * 1024)
  const windows = Array.from({ length: 5 }, () => open(spares).window)
  for (const window of windows) {
    offerAt(window, times(30, 1))
    t.ok(spares.size <= 10, `${spares.size} held`)
  }
  t.same(
    windows.map((window) => window.close().length),
    [1, 1, 1, 1, 11],
  )
  t.equal(spares.size, 0)
})

t.test('a spare is a copy: the buffer it came in may be written over', async (t) => {
  const { window } = open()
  const bytes = Buffer.from(GOOD)
  window.offer(bytes, 0, parseFrame)
  window.offer(bytes, 1, parseFrame)
  bytes.fill(0)
  t.equal(window.close().length, 2)
})

t.test('a window that is let go of holds nothing', async (t) => {
  const { window, spares } = open()
  offerAt(window, times(30, 1))
  window.discard()
  t.equal(spares.size, 0)
})
