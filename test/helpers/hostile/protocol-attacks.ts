import { setImmediate as turn } from 'node:timers/promises'
import type { Random } from './random.ts'
import { type Ending, OPCODES, RawPeer, wireFrame } from './raw-peer.ts'

/** What a peer may get to see first of an attack on an open socket. */
export type Outcome = Ending | 'pong' | 'protocol pong' | 'complaint' | 'nothing'

/** Something done to an open socket, and the only outcomes that are right. */
export type Attack = {
  readonly name: string
  readonly play: (peer: RawPeer) => void | Promise<void>
  readonly expected: readonly Outcome[]
  /** Whether a close with a code of the application's may be among it; it is answered with the same. */
  readonly mayClose?: true
}

export const isRight = ({ expected, mayClose }: Attack, outcome: Outcome): boolean =>
  expected.includes(outcome) || (mayClose === true && isApplicationCode(outcome))

/** RFC 6455, 7.4.2. */
const isApplicationCode = (outcome: Outcome) =>
  typeof outcome === 'number' && outcome >= 3000 && outcome <= 4999

const MAX_MESSAGE = 256 * 1024
const PING = '{"type":"ping"}'
const { binary, close, continuation, ping, pong, text } = OPCODES

const closeWith = (code: number, reason: string | Buffer = '') => {
  const payload = Buffer.alloc(2)
  payload.writeUInt16BE(code)
  return { opcode: close, payload: Buffer.concat([payload, Buffer.from(reason)]) }
}

/** A text message in fragments of one byte, with a control frame between any two. */
const inFragments = (peer: RawPeer, message: string, between = false) => {
  const bytes = Buffer.from(message)
  for (let i = 0; i < bytes.length; i++) {
    const payload = bytes.subarray(i, i + 1)
    peer.send({ opcode: i === 0 ? text : continuation, payload, isLast: i === bytes.length - 1 })
    if (between) peer.send({ opcode: pong, payload: 'unasked' })
  }
}

/** Bytes that are no UTF-8, one kind each. */
const BAD_UTF8 = ['c080', 'eda080', 'f4908080', 'ff', 'e282', '80', 'f8888080'].map((hex) =>
  Buffer.from(hex, 'hex'),
)

const LEGAL: readonly Attack[] = [
  { name: 'a message in fragments of a byte', play: (peer) => inFragments(peer, PING), expected: ['pong'] },
  {
    name: 'fragments with control frames between them',
    play: (peer) => inFragments(peer, PING, true),
    expected: ['pong'],
  },
  {
    name: 'a frame that drips in by the byte',
    play: async (peer) => {
      for (const byte of wireFrame({ opcode: text, payload: PING })) {
        peer.write(Buffer.from([byte]))
        await turn()
      }
    },
    expected: ['pong'],
  },
  {
    name: 'an empty frame before the message',
    play: (peer) => {
      peer.send({ opcode: text, isLast: false })
      peer.send({ opcode: continuation, payload: PING })
    },
    expected: ['pong'],
  },
  {
    name: 'a longer length than is needed',
    play: (peer) => {
      const [whole] = [wireFrame({ opcode: text, payload: PING })]
      const eight = Buffer.alloc(8)
      eight.writeBigUInt64BE(BigInt(PING.length))
      peer.write(Buffer.concat([Buffer.from([0x81, 0xff]), eight, whole.subarray(2)]))
    },
    expected: ['pong', 1002],
  },
  {
    name: 'a ping of the protocol',
    play: (peer) => peer.send({ opcode: ping, payload: 'x'.repeat(125) }),
    expected: ['protocol pong'],
  },
]

const RULES_BROKEN: readonly Attack[] = [
  {
    name: 'no mask',
    play: (peer) => peer.send({ opcode: text, payload: PING, mask: null }),
    expected: [1002],
  },
  {
    name: 'a continuation of nothing',
    play: (peer) => peer.send({ opcode: continuation, payload: PING }),
    expected: [1002],
  },
  {
    name: 'a message within a message',
    play: (peer) => {
      peer.send({ opcode: text, payload: '{', isLast: false })
      peer.send({ opcode: text, payload: PING })
    },
    expected: [1002],
  },
  {
    name: 'a ping in fragments',
    play: (peer) => peer.send({ opcode: ping, payload: 'x', isLast: false }),
    expected: [1002],
  },
  {
    name: 'a ping of 126 bytes',
    play: (peer) => peer.send({ opcode: ping, payload: 'x'.repeat(126) }),
    expected: [1002],
  },
  ...[1, 2, 4, 7].map((reservedBits) => ({
    name: `reserved bits ${reservedBits}`,
    play: (peer: RawPeer) => peer.send({ opcode: text, payload: PING, reservedBits }),
    expected: [1002],
  })),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
    name: `reserved opcode ${opcode}`,
    play: (peer: RawPeer) => peer.send({ opcode, payload: PING }),
    expected: [1002],
  })),
  ...[0, 999, 1004, 1005, 1006, 1015, 2999, 5000].map((code) => ({
    name: `close code ${code}`,
    play: (peer: RawPeer) => peer.send(closeWith(code)),
    expected: [1002],
  })),
  { name: 'half a close code', play: (peer) => peer.send({ opcode: close, payload: 'x' }), expected: [1002] },
  {
    name: 'a close with a reason that is no text',
    play: (peer) => peer.send(closeWith(1000, Buffer.from([0xff]))),
    expected: [1007],
  },
  ...BAD_UTF8.map((payload) => ({
    name: `text that is none: ${payload.toString('hex')}`,
    play: (peer: RawPeer) =>
      peer.send({ opcode: text, payload: Buffer.concat([Buffer.from('{"type":"'), payload]) }),
    expected: [1007],
  })),
  {
    name: 'text that is none across fragments',
    play: (peer) => {
      peer.send({ opcode: text, payload: Buffer.from('e2', 'hex'), isLast: false })
      peer.send({ opcode: continuation, payload: Buffer.from('28a1', 'hex') })
    },
    expected: [1007],
  },
]

const TOO_MUCH: readonly Attack[] = [
  ...[MAX_MESSAGE + 1, 2 ** 31, 2 ** 40].map((length) => ({
    name: `a length of ${length}, and nothing more`,
    play: (peer: RawPeer) => peer.send({ opcode: text, length: BigInt(length) }),
    expected: [1009],
  })),
  ...[2n ** 53n, 2n ** 63n, 2n ** 64n - 1n].map((length) => ({
    name: `a length of ${length}`,
    play: (peer: RawPeer) => peer.send({ opcode: text, length }),
    expected: [1009, 1002],
  })),
  {
    name: 'too big in fragments',
    play: (peer) => {
      const payload = Buffer.alloc(8192, 32)
      for (let sent = 0; sent <= MAX_MESSAGE; sent += payload.length)
        peer.send({ opcode: sent === 0 ? text : continuation, payload, isLast: false })
    },
    expected: [1009],
  },
  {
    name: 'a message in fragments without end',
    play: (peer) => {
      const frame = wireFrame({ opcode: continuation, payload: ' ', isLast: false })
      peer.send({ opcode: text, payload: ' ', isLast: false })
      peer.write(Buffer.concat(new Array<Buffer>(20_000).fill(frame)))
    },
    expected: [1008],
  },
  {
    name: 'empty fragments without end',
    play: (peer) => {
      const frame = wireFrame({ opcode: continuation, isLast: false })
      peer.send({ opcode: binary, isLast: false })
      peer.write(Buffer.concat(new Array<Buffer>(20_000).fill(frame)))
    },
    expected: [1008],
  },
]

const NONSENSE: readonly Attack[] = [
  {
    name: 'the wrong mask',
    play: (peer) => {
      const [mask, trueMask] = [Buffer.from([1, 2, 3, 4]), Buffer.from([1, 2, 3, 0x24])]
      peer.send({ opcode: text, payload: '{"type":"ping","data":{}}', mask, trueMask })
    },
    expected: ['complaint', 1007],
  },
  { name: 'an empty message', play: (peer) => peer.send({ opcode: text }), expected: ['complaint'] },
  {
    name: 'binary on a socket of the older protocol',
    play: (peer) => peer.send({ opcode: binary, payload: PING }),
    expected: ['complaint'],
  },
  {
    name: 'a request of HTTP',
    play: (peer) => peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    expected: [1002],
  },
  { name: 'zeros', play: (peer) => peer.write(Buffer.alloc(1000)), expected: [1002] },
  {
    name: 'a goodbye and more after it',
    play: (peer) => peer.write(Buffer.concat([wireFrame(closeWith(1000)), Buffer.alloc(10_000)])),
    expected: [1000],
  },
]

/** Everything that can be done to an open socket in one go, legal oddities among it. */
export const ATTACKS: readonly Attack[] = [...LEGAL, ...RULES_BROKEN, ...TOO_MUCH, ...NONSENSE]

/** Bytes of frames with something wrong in their heads, one after the other: whatever comes of it, it is no fault. */
export const noise = (random: Random): Attack => ({
  name: 'frames with damaged heads',
  play: (peer) => {
    for (let left = 1 + random.below(8); left > 0; left--) {
      const payload = random.chance(0.5) ? random.bytes(random.below(200)) : PING
      const bytes = wireFrame({
        opcode: random.chance(0.7) ? text : random.below(16),
        payload,
        isLast: random.chance(0.8),
      })
      const hits = random.below(3)
      for (let hit = 0; hit < hits; hit++) bytes[random.below(Math.min(bytes.length, 14))] = random.below(256)
      peer.write(bytes)
    }
  },
  // What is cut short waits for the rest; a close of our own making is answered with its code.
  expected: [1002, 1007, 1009, 1000, 1005, 'complaint', 'pong', 'protocol pong', 'nothing'],
  mayClose: true,
})

/** Of the frame that has gone out: the first thing that comes back. */
export async function play(attack: Attack, url: string, patienceMs: number): Promise<Outcome> {
  const peer = await RawPeer.open(url)
  try {
    if (peer.status !== 101) return 'nothing'
    await peer.until(() => has(peer, 'connected'))
    await attack.play(peer)
    // Of an attack that must end the connection it is the end that counts, whatever comes before.
    const mustEnd = attack.expected.every((outcome) => typeof outcome === 'number')
    const answer = () => peer.ending ?? (mustEnd ? undefined : answerOf(peer))
    await peer.until(() => answer() !== undefined, patienceMs)
    return answer() ?? 'nothing'
  } finally {
    peer.destroy()
  }
}

const has = (peer: RawPeer, type: string) => peer.seen.has(type)

function answerOf(peer: RawPeer): Outcome | undefined {
  if (has(peer, 'pong')) return 'pong'
  if (has(peer, 'error')) return 'complaint'
  return peer.pongs > 0 ? 'protocol pong' : undefined
}
